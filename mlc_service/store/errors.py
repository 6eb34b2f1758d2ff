"""Broken rules of stored things, each with the fields a message needs. The edge translates them once."""

from __future__ import annotations


class NotFound(LookupError):
    """There is no such thing (any more). `kind` is our word for it: task, process instance, job, deployment …"""

    def __init__(self, kind: str, id: str) -> None:
        self.kind = kind
        self.id = id
        super().__init__(f"{kind} with id {id} does not exist")


class IllegalMove(Exception):
    """A thing cannot go from the state it is in to the wanted one."""

    def __init__(self, kind: str, id: str, state: str, wanted: str) -> None:
        self.kind = kind
        self.id = id
        self.state = state
        self.wanted = wanted
        super().__init__(f"{kind} {id} is {state} and cannot become {wanted}")


class VersionConflict(Exception):
    """Somebody else changed the document in between; `found` is the version it has now."""

    def __init__(self, kind: str, id: str, expected: int, found: int) -> None:
        self.kind = kind
        self.id = id
        self.expected = expected
        self.found = found
        super().__init__(f"{kind} {id} is at version {found}, not {expected}")


class LeaseLost(Exception):
    """The job is not this worker's any more: its lease ended and somebody else has it, or it is gone."""

    def __init__(self, job_id: str, attempt: int) -> None:
        self.job_id = job_id
        self.attempt = attempt
        super().__init__(f"job {job_id} is not held under attempt {attempt} any more")


class UnknownSort(ValueError):
    """A list cannot be sorted by that."""

    def __init__(self, field: str) -> None:
        self.field = field
        super().__init__(f"cannot sort by {field}")


class UnstorableText(ValueError):
    """A text that PostgreSQL cannot keep, and so neither may SQLite."""


class DatabaseUnavailable(RuntimeError):
    """The database does not answer, or went away in the middle: whether the transaction was committed is not known."""

    def __init__(self, cause: str) -> None:
        super().__init__(f"the database does not answer: {cause}")
