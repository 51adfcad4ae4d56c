"""Any painting in one pass: a small network predicts the scales and shifts of instance normalisation from the painting.

It is not in ``registry.yaml`` yet: no weights are trained. ``tests/methods/test_any_style.py`` shows the entry it needs.
"""
