"""One network a style photo, kept near a photo by the matting Laplacian: see ``method.py``."""
