"""Photographs with the colours of others: see ``method.py``."""
