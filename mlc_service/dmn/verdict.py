"""ModelOp's reading of a comparator decision: does the model pass?"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mlc_service.dmn.results import DecisionResult


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the test result passed; `reasons` holds the `reason` of each failing row, in row order."""

    passed: bool
    reasons: list[str] = field(default_factory=list)


def verdict(result: DecisionResult) -> Verdict:
    """A fail if any returned row has `passes` false, else a pass; no row at all is a pass (ModelOp, DMN contract).

    A table may type `passes` as boolean or as string. A failing row without a reason still fails.
    """
    failing = [row for row in result.rows if _says_false(row.get("passes"))]
    reasons = [str(row["reason"]) for row in failing if row.get("reason") not in (None, "")]
    return Verdict(passed=not failing, reasons=reasons)


def _says_false(value: Any) -> bool:
    return value is False or (isinstance(value, str) and value.strip().lower() == "false")
