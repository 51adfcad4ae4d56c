"""What several methods share: the perceptual network, losses, normalisation."""
