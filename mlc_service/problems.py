"""What is wrong with something a person handed in, where it is, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding about a deployed file; `line` and `column` count from 1, 0 where no place can be named.

    `element_id` is the id of the BPMN or DMN element it is about, or None outside any element.
    """

    message: str
    line: int = 0
    column: int = 0
    element_id: str | None = None
    severity: str = "error"


class InvalidResource(ValueError):
    """A file that cannot be deployed; `problems` lists every finding, errors first."""

    def __init__(self, resource: str, problems: Iterable[Problem]) -> None:
        self.resource = resource
        self.problems = list(problems)
        super().__init__(f"{resource}: " + "; ".join(problem.message for problem in self.problems))
