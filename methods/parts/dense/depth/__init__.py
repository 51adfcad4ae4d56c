"""Depth of a photo: the network's prediction, its training, rendered training scenes."""
