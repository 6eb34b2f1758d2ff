"""Our FEEL beside npm's feelin on 5,000 expressions: no difference that the rules do not explain.

Skipped unless node and feelin are here; `python -m benchmarks.feelin_differences` fetches feelin.
"""

from __future__ import annotations

import pytest

from benchmarks import feelin
from benchmarks.feelin_differences import COUNT, EXPLANATIONS, differences, explained


@pytest.mark.skipif(not feelin.is_here(), reason="node or the npm package feelin is not here")
def test_every_difference_is_explained() -> None:
    found = differences()
    by_rule, left = explained(found)
    assert left == []
    assert len(found) < COUNT / 10
    assert sum(by_rule.values()) == len(found)
    assert set(by_rule) <= {rule.name for rule in EXPLANATIONS}
