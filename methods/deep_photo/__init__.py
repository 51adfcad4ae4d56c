"""Photorealistic style transfer by optimisation: a style for each mask, and a penalty that keeps the photo's edges."""
