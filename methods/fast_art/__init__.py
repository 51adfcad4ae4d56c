"""One network a painting: see ``method.py``."""
