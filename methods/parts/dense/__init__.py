"""Networks that say something of every pixel: depth, and what is where."""
