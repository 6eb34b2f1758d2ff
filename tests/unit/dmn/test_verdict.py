"""ModelOp's reading of a comparator decision."""

from __future__ import annotations

from typing import Any

import pytest

from mlc_service.dmn import DecisionResult, Verdict, verdict


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], Verdict(True, [])),
        ([{"passes": True, "reason": "fine"}], Verdict(True, [])),
        ([{"passes": False, "reason": "auc"}, {"passes": False, "reason": "f1"}], Verdict(False, ["auc", "f1"])),
        ([{"passes": True, "reason": "a"}, {"passes": False, "reason": "b"}], Verdict(False, ["b"])),
        ([{"passes": "false", "reason": "text"}], Verdict(False, ["text"])),
        ([{"passes": " False "}], Verdict(False, [])),
        ([{"passes": "true"}], Verdict(True, [])),
        ([{"passes": None, "reason": "not said"}], Verdict(True, [])),
        ([{"color": "Red"}], Verdict(True, [])),
        ([{"passes": False, "reason": None}], Verdict(False, [])),
        ([{"passes": 0}], Verdict(True, [])),
    ],
)
def test_any_row_that_says_false_fails(rows: list[dict[str, Any]], expected: Verdict) -> None:
    assert verdict(DecisionResult(rows)) == expected
