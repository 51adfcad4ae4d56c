"""The image transformation network: layers, inference at any size, training."""
