"""VGG-16 at half the width, the bundled perceptual network."""
