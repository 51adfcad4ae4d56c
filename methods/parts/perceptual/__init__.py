"""The perceptual networks and what is measured with them: style, content, likeness."""
