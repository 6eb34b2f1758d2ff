"""What a decision answers, and how it fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class InputValue:
    """What an input column was compared with; `type_name` is the type that the column declares, if any."""

    clause_id: str | None
    clause_name: str
    type_name: str | None
    value: Any


@dataclass(frozen=True, slots=True)
class OutputValue:
    """What a rule that held answered in one column; no rule for default outputs and expressions. `rule_order` counts
    the rules that held, from 1."""

    clause_id: str | None
    clause_name: str
    rule_id: str | None
    rule_order: int | None
    variable_name: str
    type_name: str | None
    value: Any


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """What history keeps of one decision that was evaluated; every value in it is JSON-safe plain Python.

    `collected` is the aggregate of a COLLECT table with an aggregation.
    """

    decision_key: str
    decision_name: str
    hit_policy: str
    matched_rules: tuple[str, ...]
    inputs: tuple[InputValue, ...]
    outputs: tuple[OutputValue, ...]
    collected: Any = None


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
    recorders: tuple[Callable[[], DecisionRecord], ...] = field(default=(), repr=False, compare=False)

    @property
    def records(self) -> list[DecisionRecord]:
        """One record for every decision that was evaluated: the required ones first, this one last.

        Decisions inside a decision service are its own business and not among them.
        """
        return [record() for record in self.recorders]


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
