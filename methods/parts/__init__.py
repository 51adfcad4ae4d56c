"""Shared parts of the methods: networks, losses, normalisation, optimisation."""
