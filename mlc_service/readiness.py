"""Whether a process can do its work: what has to answer for that, and what would be missed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import structlog

from mlc_service.store.schema import SchemaState
from mlc_service.store.units import Units

log = structlog.get_logger(__name__)

Status = Literal["ready", "degraded", "not ready"]


class Check(NamedTuple):
    """One thing that is needed. `problem` answers None if all is well, else what is not; it may raise, too.

    A process that lacks something that is not required is ready, and degraded.
    """

    name: str
    problem: Callable[[], str | None]
    is_required: bool = True


@dataclass(frozen=True, slots=True)
class Readiness:
    """What the checks found: their problems by name, None where all is well."""

    status: Status
    problems: Mapping[str, str | None]

    @property
    def is_ready(self) -> bool:
        return self.status != "not ready"

    def as_json(self) -> dict[str, object]:
        """For an answer: `{"status": "ready", "checks": {"database": "ok"}}`."""
        return {"status": self.status, "checks": {name: problem or "ok" for name, problem in self.problems.items()}}


def readiness(checks: Sequence[Check]) -> Readiness:
    """All checks were made. Never raises."""
    problems = {check.name: _problem(check) for check in checks}
    missing = [check for check in checks if problems[check.name] is not None]
    status: Status = "ready"
    if missing:
        status = "not ready" if any(check.is_required for check in missing) else "degraded"
    return Readiness(status, problems)


def database_checks(units: Units) -> list[Check]:
    """The database answers, and has the schema of this version."""

    def schema_problem() -> str | None:
        state = units.schema_state()
        is_good = state in (SchemaState.UP_TO_DATE, SchemaState.NEWER)
        return None if is_good else f"The schema is {state.value}: run `mlc migrate`"

    def database_problem() -> str | None:
        units.read(lambda unit: unit.settings.get("readyz"))
        return None

    return [Check("database", database_problem), Check("schema", schema_problem)]


def _problem(check: Check) -> str | None:
    try:
        return check.problem()
    except Exception as error:
        # its text may name hosts and users, and whoever asks has not logged in
        log.warning("not_ready", check=check.name, exc_info=error)
        return f"The {check.name} does not answer"
