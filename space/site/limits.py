"""Limits for a visitor on a shared machine; the command line and Python do not have them."""

MAX_PIXELS = 40_000_000
