"""What a decision answers, and how it fails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class DecisionResult:
    """The rows a decision returned; every value in them is JSON-safe plain Python.

    `rows` has one dict per matched rule, in the order the hit policy asks for, or one dict for an aggregated table or
    a literal expression. `matched_rules` are the ids of all rules that held, in table order. `inputs` are the values
    of the input columns by label, as they were compared.
    """

    rows: list[dict[str, Any]]
    matched_rules: list[str] = field(default_factory=list)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    hit_policy: str = ""
    decision_key: str = ""


class DecisionError(Exception):
    """A decision cannot answer; says which decision, and where they are known which rule and which cell."""

    def __init__(self, message: str, decision: str, rule: str | None = None, cell: str | None = None) -> None:
        self.message = message
        self.decision = decision
        self.rule = rule
        self.cell = cell
        place = [f"decision '{decision}'"]
        if rule is not None:
            place.append(f"rule {rule}")
        if cell is not None:
            place.append(f"cell {cell}")
        super().__init__(f"{', '.join(place)}: {message}")
