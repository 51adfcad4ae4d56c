"""A style code, predicted from statistics of a painting: the network, its targets and its training."""
