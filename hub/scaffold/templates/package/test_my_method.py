"""The whole contract, rule by rule, as `stylehub check` reports it."""

import pytest

from hub.checking import rules


@pytest.mark.parametrize("rule", rules("my-method"), ids=str)
def test_contract(rule):
    rule()
