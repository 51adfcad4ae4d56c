"""Record anew what the bundled weights make of the test picture; tests/test_golden.py compares with it.

python -m tools.golden
"""

import torch

from tests.support.golden import record

if __name__ == "__main__":
    torch.set_num_threads(2)  # as in the tests: the order of a sum depends on it
    record()
