"""The rules of the life cycle, each as the error that says it was broken."""

from __future__ import annotations

from collections.abc import Iterable

from mlc_service.delegate_api import Refused


class LifecycleProblem(Refused):
    """A rule of the life cycle says no. `field` names the place in the document, where there is one."""

    def __init__(self, message: str, field: str | None = None) -> None:
        self.message = message
        self.field = field
        super().__init__(message)


class UnknownDocument(LifecycleProblem):
    """There is no document with that id."""

    def __init__(self, kind: str, document_id: str) -> None:
        self.kind = kind
        self.document_id = document_id
        super().__init__(f"there is no {kind} with the id '{document_id}'")


class InvalidDocument(LifecycleProblem):
    """A document says something that cannot be; `field` is its path, such as `modelAssets[2].fileContent`."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}", field)


class ImmutableDocument(LifecycleProblem):
    """The document must stay as it is, forever or in its present state."""


class StaleVersion(LifecycleProblem):
    """Somebody else changed the document since it was read."""

    def __init__(self, kind: str, document_id: str, expected: int, found: int) -> None:
        self.expected = expected
        self.found = found
        super().__init__(
            f"{kind} '{document_id}' is at version {found}, the change was made to version {expected}: read it again",
            "version",
        )


class IllegalMove(LifecycleProblem):
    """The table of moves has no such move."""

    def __init__(self, what: str, state: str, wanted: str, allowed: Iterable[str]) -> None:
        self.state = state
        self.wanted = wanted
        possible = ", ".join(sorted(allowed)) or "nothing, it is final"
        super().__init__(f"{what} cannot go from {state} to {wanted}; possible: {possible}")


class NoRuntime(LifecycleProblem):
    """No runtime fits; the message says for each one why."""


class RuntimesAway(LifecycleProblem):
    """Runtimes fit, but no process of any of them lives now."""

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__(f"no process of a runtime that fits is running: {', '.join(names)}")


class ComparatorUnclear(LifecycleProblem):
    """A model has several decision tables and nobody said which one judges this test result."""

    def __init__(self, model: str, candidates: Iterable[str]) -> None:
        self.candidates = tuple(candidates)
        super().__init__(
            f"model '{model}' has {len(self.candidates)} decision tables ({', '.join(self.candidates)}); "
            "name one, or put one on the association"
        )


class ComparatorBroken(LifecycleProblem):
    """A decision table cannot be read or evaluated; the message names file, decision, rule and cell."""


class ScoringRefused(LifecycleProblem):
    """A record could not be scored on this runtime; `status` is the HTTP status that says so."""

    def __init__(self, message: str, status: int) -> None:
        self.status = status
        super().__init__(message)
