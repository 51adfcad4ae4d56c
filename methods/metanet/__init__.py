"""A painting in, a network out: the meta network writes the filters of a small network for any painting.

It is not in ``registry.yaml`` yet: no weights are trained. ``README.md`` beside this file shows the entry that it needs.
"""
