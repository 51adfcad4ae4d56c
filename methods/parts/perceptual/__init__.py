"""Perceptual networks, and the losses and measures that use them."""
