"""Scene parsing of a photo: ten groups of objects, the network's prediction, its training, your own masks."""
