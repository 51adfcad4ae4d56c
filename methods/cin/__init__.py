"""Conditional instance normalisation: many paintings in one small network."""
