"""How far away everything in a photo is: a network, how it learns, the scenes it learns from, maps of one's own."""
