"""How many examples are tried of what is drawn by chance."""

from hypothesis import settings

# Few examples, the same in every run.
QUICK = settings(max_examples=40, deadline=None, derandomize=True, database=None)
