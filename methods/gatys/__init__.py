"""Style transfer by optimisation of the pixels: any painting, no trained style network."""
