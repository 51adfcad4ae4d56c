"""Optimisation of the pixels themselves: any painting, no trained network of its own."""
