"""A painting in, a network out: the meta network writes the filters of a small network for any painting."""
