"""Any painting in one pass: see ``method.py``."""
