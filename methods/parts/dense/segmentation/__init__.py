"""What is where in a photo: ten groups of things, a network that finds them, how it learns, masks of one's own."""
