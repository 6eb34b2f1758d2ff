"""`mlc doctor`: what is well with a set-up, what is not, and what to do about it. Changes nothing.

Every check is a function that answers with findings. None needs the service to run on this machine.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from uv import find_uv_bin

from mlc_service.clock import Clock
from mlc_service.jobs.life_signs import lost_before
from mlc_service.jobs.redis_check import InspectedRedis, RedisUnreachable, inspect_redis
from mlc_service.language.groovy_toolchain import GroovySettings, NoGroovy, find
from mlc_service.language.walls import why_no_wall
from mlc_service.logs import masked
from mlc_service.runtimes.sandbox import SandboxUnavailable, check_sandbox
from mlc_service.settings import InvalidSettings, Settings
from mlc_service.store.figures import Waiting
from mlc_service.store.inspection import DatabaseUnreachable, Inspected, inspect_database
from mlc_service.store.rows import ServiceProcessRow
from mlc_service.store.schema import SchemaState
from mlc_service.store.units import POOL_SIZE, UnitOfWork, Units

Status = Literal["ok", "warn", "fail"]

_OLDEST_PYTHON = (3, 11)
_OLDEST_DATABASE = {"postgresql": (13,), "sqlite": (3, 35)}
_OLDEST_REDIS = (5,)
_SKEW_WARN_SECONDS, _SKEW_FAIL_SECONDS = 1.0, 10.0
_WAIT_WARN_SECONDS = 60.0
_GIB = 1024**3
_LITTLE_SPACE, _NO_SPACE = 2 * _GIB, _GIB // 10


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check has found; `remedy` says what to do if it is not ok."""

    name: str
    status: Status
    message: str
    remedy: str | None = None


def examine(load: Callable[[], Settings], clock: Clock) -> Iterator[Finding]:
    """All findings, one after the other. Never raises: a check that breaks is a finding, too."""
    yield python(sys.version_info[:3])
    try:
        settings = load()
    except InvalidSettings as problem:
        yield Finding("settings", "fail", masked(str(problem)), "Correct the variable, or the file that it names.")
        return
    yield Finding("settings", "ok", "one process with its own database" if settings.is_embedded else "PostgreSQL")
    for name, check in _checks(settings, clock):
        try:
            yield from check()
        except Exception as error:
            text = masked(f"{type(error).__name__}: {error}")
            yield Finding(name, "fail", f"could not be checked: {text}", "Please report this.")


def worst(findings: Iterable[Finding]) -> Status:
    """The status of the whole: fail if one fails, warn if one warns."""
    order: Sequence[Status] = ("ok", "warn", "fail")
    return max((finding.status for finding in findings), key=order.index, default="ok")


def as_json(findings: Sequence[Finding]) -> dict[str, object]:
    """For machines: `{"status": "warn", "checks": [{"name", "status", "message", "remedy"}]}`."""
    return {"status": worst(findings), "checks": [asdict(finding) for finding in findings]}


def _checks(settings: Settings, clock: Clock) -> Iterator[tuple[str, Callable[[], Iterable[Finding]]]]:
    yield "database", lambda: database(settings, clock)
    yield "redis", lambda: redis(settings)
    yield "groovy", lambda: [groovy(settings.groovy)]
    yield "sandbox", lambda: [sandbox(settings)]
    yield "uv", lambda: [uv()]
    yield "data folder", lambda: [space("data folder", settings.data)]
    yield "temp folder", lambda: [temp_folder()]


# --- this machine -----------------------------------------------------------------------------------------------


def python(version: tuple[int, ...]) -> Finding:
    """The interpreter is new enough."""
    text = ".".join(map(str, version))
    if version < _OLDEST_PYTHON:
        return Finding("python", "fail", text, "Use Python 3.11 or newer.")
    return Finding("python", "ok", text)


def groovy(settings: GroovySettings | None) -> Finding:
    """Groovy scripts can run. Without them nothing is missing."""
    try:
        found = find(settings or GroovySettings())
    except NoGroovy as missing:
        return Finding("groovy", "warn", "diagrams with Groovy scripts cannot be deployed", str(missing))
    return Finding("groovy", "ok", f"{found.jars[0].name} on Java {found.java.version}")


def sandbox(settings: Settings) -> Finding:
    """Models and scripts run behind walls."""
    if settings.sandbox == "rlimits":
        return Finding(
            "sandbox",
            "warn",
            "MLC_SANDBOX=rlimits: models and scripts can read this machine's files and reach its network",
            "Use a kernel with Landlock (Linux 6.7) and MLC_SANDBOX=landlock.",
        )
    try:
        check_sandbox(settings.sandbox)
    except SandboxUnavailable as missing:
        return Finding("sandbox", "fail", "models cannot be run", str(missing))
    no_wall = why_no_wall(settings.sandbox)
    if no_wall is not None:
        return Finding("sandbox", "fail", "scripts cannot be run", no_wall)
    return Finding("sandbox", "ok", "Landlock")


def uv() -> Finding:
    """Environments of models can be made."""
    try:
        return Finding("uv", "ok", find_uv_bin())
    except FileNotFoundError:
        return Finding(
            "uv", "fail", "models that need packages cannot be run", "Install uv beside the service: pip install uv."
        )


def space(name: str, folder: Path) -> Finding:
    """There is room to write in the folder, or in the one in which it will be made."""
    there = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.is_dir())
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        return Finding(name, "fail", f"{there} cannot be written ({error.strerror})", "Give the service's user access.")
    return _room(name, there)


def _room(name: str, folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    message = f"{folder}: {free / _GIB:.1f} GiB free"
    if free < _NO_SPACE:
        return Finding(name, "fail", message, "Make room: nothing can be written soon.")
    if free < _LITTLE_SPACE:
        return Finding(name, "warn", message, "Make room.")
    return Finding(name, "ok", message)


def temp_folder() -> Finding:
    """Temporary files can be written."""
    try:
        return space("temp folder", Path(tempfile.gettempdir()))
    except FileNotFoundError:
        return Finding("temp folder", "fail", "there is none that can be written", "Set TMPDIR to one.")


# --- the database -----------------------------------------------------------------------------------------------


def database(settings: Settings, clock: Clock) -> Iterator[Finding]:
    """The database answers and is ours; if so, what is in it."""
    try:
        found = inspect_database(settings.database, clock.now)
    except DatabaseUnreachable as problem:
        is_new = settings.is_embedded and not Path(settings.database.removeprefix("sqlite:///")).exists()
        yield Finding("database", "warn" if is_new else "fail", masked(str(problem)), problem.remedy)
        return
    yield database_version(found)
    yield skew("clock", "this machine", found.clock_ahead_seconds)
    if found.folder is not None:
        # whether we may write there is its server's affair
        yield _room("database folder", found.folder)
    state = schema_finding(found)
    yield state
    if state.status != "ok":
        return
    units = Units(settings.database, pool_size=1)
    try:
        with units.begin_read() as unit:
            yield from service(unit, found, settings, units.database_time())
    finally:
        units.close()


def database_version(found: Inspected) -> Finding:
    """The database is one that we support."""
    name = {"postgresql": "PostgreSQL", "sqlite": "SQLite"}[found.kind]
    oldest = _OLDEST_DATABASE[found.kind]
    message = f"{name} {'.'.join(map(str, found.version))}"
    if found.version < oldest:
        return Finding("database", "fail", message, f"Use {name} {'.'.join(map(str, oldest))} or newer.")
    return Finding("database", "ok", message)


def schema_finding(found: Inspected) -> Finding:
    """The tables are those of this version."""
    if not found.is_ours:
        return Finding(
            "schema",
            "fail",
            "the database belongs to something else",
            "Name a database of its own in MLC_DATABASE_URL.",
        )
    match found.schema:
        case SchemaState.UP_TO_DATE | SchemaState.NEWER:
            return Finding("schema", "ok", found.schema.value)
        case SchemaState.UNKNOWN:
            return Finding(
                "schema", "fail", found.schema.value, "Run the version of the service that has migrated it, or a newer."
            )
        case _:
            return Finding("schema", "fail", found.schema.value, "Run `mlc migrate` with the same settings.")


def connections(found: Inspected, processes: Sequence[ServiceProcessRow]) -> Finding | None:
    """The server has connections left, and enough for what the living processes may open. None without a limit."""
    if found.most_connections is None or found.used_connections is None:
        return None
    wanted = sum(2 * POOL_SIZE if process.role == "api" else 2 * (process.concurrency or 1) for process in processes)
    message = f"{found.used_connections} of {found.most_connections} in use"
    remedy = "Raise max_connections of PostgreSQL, or run fewer processes."
    if wanted > found.most_connections:
        return Finding("connections", "warn", f"{message}; the service may want {wanted}", remedy)
    if found.used_connections > 0.8 * found.most_connections:
        return Finding("connections", "warn", message, remedy)
    return Finding("connections", "ok", message)


def skew(name: str, whose: str, seconds: float) -> Finding:
    """The machine's clock agrees with the database's."""
    message = f"{whose}: {abs(seconds):.1f} s {'ahead of' if seconds > 0 else 'behind'} the database"
    status: Status = "ok"
    if abs(seconds) > _SKEW_WARN_SECONDS:
        status = "fail" if abs(seconds) > _SKEW_FAIL_SECONDS else "warn"
    return Finding(name, status, message, None if status == "ok" else "Let NTP set the clocks of all machines.")


# --- what the service does --------------------------------------------------------------------------------------


def service(unit: UnitOfWork, found: Inspected, settings: Settings, now: datetime) -> Iterator[Finding]:
    """Who of the service lives, and what waits for it or for a person; `now` by the database."""
    waiting = unit.figures.waiting_jobs(now)
    alive = unit.service_processes.find(seen_since=lost_before(now))
    used = connections(found, alive)
    if used is not None:
        yield used
    if settings.is_embedded:
        yield Finding("processes", "ok", "embedded: no workers needed")
    elif settings.redis_url is None:
        yield Finding("processes", "ok", "one process, since MLC_REDIS_URL is not set: no workers needed")
    else:
        yield from processes(alive)
        yield from queues(waiting, {process.queue for process in alive})
        for host, ahead in sorted({process.host: process.clock_ahead_seconds for process in alive}.items()):
            yield skew("clock", host, ahead)
    yield from backlog(waiting, now)
    yield people(sum(unit.figures.jobs_in("failed").values()), sum(unit.figures.open_incidents().values()))


def processes(alive: Sequence[ServiceProcessRow]) -> Iterator[Finding]:
    """There is a living process of each role."""
    needed: tuple[tuple[str, Status, str], ...] = (
        ("api", "warn", "nobody can reach the service"),
        ("worker", "fail", "no process goes on"),
        ("scheduler", "fail", "timers do not fire, and what a dead worker held is not taken up"),
        ("runtime", "warn", "no model is run"),
    )
    for role, status, loss in needed:
        of_role = [process for process in alive if process.role == role]
        if of_role:
            hosts = ", ".join(sorted({process.host for process in of_role}))
            yield Finding(role, "ok", f"{len(of_role)} alive on {hosts}")
        else:
            yield Finding(role, status, f"none alive: {loss}", f"Start one: mlc {role}.")


def queues(waiting: Mapping[str, Waiting], served: set[str | None]) -> Iterator[Finding]:
    """Somebody serves each queue in which jobs wait."""
    for queue, jobs in sorted(waiting.items()):
        if queue not in served:
            yield Finding(
                "queues",
                "fail",
                f"{jobs.how_many} jobs wait in queue {queue!r}, which nobody serves",
                "Start a worker, or the model runtime of that name.",
            )


def backlog(waiting: Mapping[str, Waiting], now: datetime) -> Iterator[Finding]:
    """Due jobs are claimed soon."""
    if not waiting:
        yield Finding("due jobs", "ok", "none waits")
    for queue, jobs in sorted(waiting.items()):
        age = (now - jobs.oldest_due).total_seconds()
        message = f"{jobs.how_many} wait in queue {queue!r}, the first for {age:.0f} s"
        if age > _WAIT_WARN_SECONDS:
            yield Finding("due jobs", "warn", message, "See that workers run; start more if all are busy.")
        else:
            yield Finding("due jobs", "ok", message)


def people(failed_jobs: int, incidents: int) -> Finding:
    """Nothing waits for a person."""
    message = f"{failed_jobs} failed jobs, {incidents} open incidents"
    if failed_jobs or incidents:
        return Finding("incidents", "warn", message, "Look at GET /incident, mend the cause, give the jobs retries.")
    return Finding("incidents", "ok", message)


# --- Redis ------------------------------------------------------------------------------------------------------


def redis(settings: Settings) -> Iterator[Finding]:
    """Redis answers, if it is needed, and keeps what it is given."""
    if settings.redis_url is None:
        yield Finding("redis", "ok", "not needed: one process" if settings.is_embedded else "MLC_REDIS_URL is not set")
        return
    try:
        yield redis_finding(inspect_redis(settings.redis_url))
    except RedisUnreachable as problem:
        yield Finding("redis", "fail", masked(str(problem)), problem.remedy)


def redis_finding(found: InspectedRedis) -> Finding:
    """Redis is one that we support, set up as it should be."""
    kept = "with" if found.keeps_a_file else "without"
    message = f"Redis {'.'.join(map(str, found.version))}, {found.eviction_policy}, {kept} an append-only file"
    if found.version < _OLDEST_REDIS:
        return Finding("redis", "fail", message, "Use Redis 5 or newer.")
    if found.is_replica:
        return Finding("redis", "fail", f"{message}; a replica, which takes no messages", "Name its primary.")
    if found.eviction_policy != "noeviction":
        return Finding(
            "redis",
            "warn",
            message,
            "Set maxmemory-policy to noeviction: what is thrown away has to be found again by the scheduler.",
        )
    return Finding("redis", "ok", message)
