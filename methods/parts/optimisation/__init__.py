"""Optimisation of a picture's pixels."""
