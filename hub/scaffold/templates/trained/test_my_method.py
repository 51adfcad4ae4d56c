"""The whole contract, rule by rule, as `stylehub check` reports it."""

from pathlib import Path

import pytest

from hub.checking import rules


@pytest.mark.parametrize("rule", rules(Path(__file__).parent, trust=True), ids=str)
def test_contract(rule):
    rule()
