"""Any painting in one pass, by a network whose normalisations take their scales and shifts from the painting.

Not in ``registry.yaml`` yet: no weights are trained. ``tests/methods/test_any_style.py`` shows the entry that it needs.
"""
