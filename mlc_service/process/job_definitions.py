"""Job definitions: the kinds of jobs that a deployed definition can have. They are read off its diagram.

Their ids are worked out, too: the 80 high bits are those of the process definition's UUID, by which it is found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import NamedTuple
from uuid import UUID

from mlc_service.engine.ids import derived_id
from mlc_service.engine.job_kinds import AFTER, TIMER_START, JobKind, job_kinds
from mlc_service.process.job_control import set_job_due, set_job_retries
from mlc_service.process.starts import TIMER_START as TIMER_START_JOB
from mlc_service.process.surroundings import Surroundings
from mlc_service.store.definitions import DefinitionFilter
from mlc_service.store.errors import NotFound
from mlc_service.store.jobs import JobFilter
from mlc_service.store.rows import CONTINUATION, JobRow, ProcessDefinitionRow
from mlc_service.store.units import UnitOfWork

_TIMER, _DELEGATE = "timer", "delegate"


class JobDefinition(NamedTuple):
    """The jobs of one kind at one activity of a definition; it rests when its definition does."""

    id: str
    definition_id: str
    definition_key: str
    activity_id: str
    job_type: str
    configuration: str
    suspended: bool


@dataclass(frozen=True, slots=True)
class JobDefinitionFilter:
    """Conditions a job definition must meet, all of them; None asks for nothing."""

    id: str | None = None
    activity_ids: Sequence[str] | None = None
    definition_id: str | None = None
    definition_key: str | None = None
    job_type: str | None = None
    configuration: str | None = None
    suspended: bool | None = None


def find_job_definitions(
    unit: UnitOfWork, around: Surroundings, wanted: JobDefinitionFilter
) -> Iterator[JobDefinition]:
    """By definition and version, in the order of the diagram."""
    definitions = DefinitionFilter(
        id=wanted.definition_id,
        key=wanted.definition_key,
        id_like=None if wanted.id is None else _owner_pattern(wanted.id),
        suspended=wanted.suspended,
    )
    for row in unit.definitions.find(definitions):
        for one in _of(unit, around, row):
            if (
                wanted.id in (None, one.id)
                and (wanted.activity_ids is None or one.activity_id in wanted.activity_ids)
                and wanted.job_type in (None, one.job_type)
                and wanted.configuration in (None, one.configuration)
            ):
                yield one


def job_definition(unit: UnitOfWork, around: Surroundings, id: str) -> JobDefinition:
    """The one of that id. Raises NotFound."""
    for found in find_job_definitions(unit, around, JobDefinitionFilter(id=id)):
        return found
    raise NotFound("job definition", id)


def job_definition_ids(unit: UnitOfWork, around: Surroundings, jobs: Sequence[JobRow]) -> dict[str, str]:
    """Of each job its job definition's id, by job id; a job that no diagram asked for has none."""
    found: dict[str, str] = {}
    unclear: list[tuple[JobRow, list[JobKind]]] = []
    known: dict[str, tuple[JobKind, ...]] = {}
    for job in jobs:
        if job.definition_id is None:
            continue
        if job.definition_id not in known:
            known[job.definition_id] = _kinds(unit, around, job.definition_id)
        kinds = [kind for kind in known[job.definition_id] if _is_of(job, kind)]
        if len(kinds) > 1 and job.kind == CONTINUATION:
            unclear.append((job, kinds))
        elif kinds:
            found[job.id] = _id(job.definition_id, kinds[0])
    if unclear:
        begun = JobFilter(ids=[job.id for job, _ in unclear], has_begun=True)
        waits_after = {job.id for job in unit.jobs.find(begun)}
        for job, kinds in unclear:
            assert job.definition_id is not None
            fitting = [kind for kind in kinds if (kind.configuration == AFTER) == (job.id in waits_after)]
            found[job.id] = _id(job.definition_id, fitting[0])
    return found


def jobs_of(definition: JobDefinition) -> JobFilter:
    """The filter for its jobs."""
    if definition.job_type == TIMER_START:
        kinds, has_begun = [TIMER_START_JOB], None
    elif _kind(definition).is_timer:
        kinds, has_begun = [_TIMER], None
    elif definition.configuration == AFTER:
        kinds, has_begun = [CONTINUATION], True
    else:
        # a delegate's job is there while its activity runs
        kinds, has_begun = [CONTINUATION, _DELEGATE], False
    return JobFilter(
        definition_id=definition.definition_id,
        activity_id=definition.activity_id,
        kinds=kinds,
        has_begun=has_begun,
    )


def set_job_definition_retries(
    unit: UnitOfWork, around: Surroundings, id: str, retries: int, due: datetime | None = None
) -> None:
    """Every job of it that has failed for good has that many tries, the next of them at `due`. Raises NotFound."""
    wanted = JobFilter(with_retries_left=False, within=jobs_of(job_definition(unit, around, id)))
    for job in unit.jobs.find(wanted):
        set_job_retries(unit, around, job.id, retries)
        if due is not None:
            set_job_due(unit, around, job.id, due)


def _of(unit: UnitOfWork, around: Surroundings, row: ProcessDefinitionRow) -> Iterator[JobDefinition]:
    for kind in job_kinds(around.parsed.definition(unit, row)):
        yield JobDefinition(
            id=_id(row.id, kind),
            definition_id=row.id,
            definition_key=row.key,
            activity_id=kind.activity_id,
            job_type=kind.job_type,
            configuration=kind.configuration,
            suspended=row.suspended,
        )


def _kinds(unit: UnitOfWork, around: Surroundings, definition_id: str) -> tuple[JobKind, ...]:
    try:
        return job_kinds(around.parsed.known(unit, definition_id).definition)
    except NotFound:
        return ()


def _is_of(job: JobRow, kind: JobKind) -> bool:
    if job.activity_id != kind.activity_id:
        return False
    match job.kind:
        case "async":
            return not kind.is_timer
        case "delegate":
            return not kind.is_timer and kind.configuration != AFTER
        case "timer_start":
            return kind.job_type == TIMER_START
        case "timer":
            return kind.is_timer and kind.job_type != TIMER_START
    return False


def _kind(definition: JobDefinition) -> JobKind:
    return JobKind(definition.activity_id, definition.job_type, definition.configuration)


def _id(definition_id: str, kind: JobKind) -> str:
    digest = blake2b("\0".join(kind).encode(), digest_size=6).digest()
    return derived_id(_uuid_of(definition_id), int.from_bytes(digest))


def _uuid_of(definition_id: str) -> UUID:
    return UUID(definition_id.rpartition(":")[2])


def _owner_pattern(id: str) -> str:
    """An SQL pattern for the id of the process definition that a job definition belongs to."""
    try:
        known = str(UUID(id))
    except ValueError:
        # no id of ours: it must match nothing
        return ""
    return f"%{known[: known.rindex('-') + 1]}%"
