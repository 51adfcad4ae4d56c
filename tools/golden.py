"""Record anew what the bundled weights make of the test picture; tests/test_golden.py compares with it.

python -m tools.golden
"""

from tests.support.golden import record

if __name__ == "__main__":
    record()
