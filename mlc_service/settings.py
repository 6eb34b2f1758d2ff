"""How the service is set up. The one place that reads the environment.

Every variable is named `MLC_…`. A secret can stand in a file instead: `MLC_JIRA_TOKEN_FILE=/run/secrets/jira`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mlc_service.language.groovy_toolchain import GroovySettings
from mlc_service.logs import LogFormat, LogLevel
from mlc_service.process.retention import DEFAULT_BATCH_ROWS, CleanupWindow, RetentionRules, parse_time_of_day
from mlc_service.tickets.jira import JiraSettings

TicketSystem = Literal["board", "jira"]
SandboxKind = Literal["landlock", "rlimits"]
_TRACE_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8080
DEFAULT_DATA = Path(".mlc/data")


class InvalidSettings(ValueError):
    """The set-up cannot work; the message says which setting and what to do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One service process; `data` holds the SQLite file, model environments and a lock.

    Seconds are seconds. `base_url` is where people reach the service: links in tickets begin with it.
    """

    data: Path = DEFAULT_DATA
    database_url: str | None = None
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    base_url: str | None = None
    authentication: bool = True
    runs_jobs: bool = True
    job_threads: int = 4
    lease_seconds: float = 30.0
    environments: Path | None = None
    sandbox: SandboxKind = "landlock"
    full_python: bool = False
    groovy: GroovySettings | None = None
    job_seconds: float = 600.0
    job_memory_mib: int = 2048
    ticket_system: TicketSystem = "board"
    ticket_poll_seconds: float = 1.0
    jira: JiraSettings | None = field(default=None)
    redis_url: str | None = None
    concurrency: int = 1
    resend_seconds: float = 5.0
    stop_seconds: float = 20.0
    signal_at_once: int = 100
    runtime_patience_seconds: float = 600.0
    admin_password: str | None = None
    time_zone: str = "UTC"
    log_level: LogLevel = "info"
    log_format: LogFormat | None = None
    metrics: bool = True
    metrics_port: int | None = None
    traces: bool = False
    retention: RetentionRules = field(default_factory=RetentionRules)

    def __post_init__(self) -> None:
        if not self.authentication and not is_loopback(self.host):
            raise InvalidSettings(
                f"--no-auth is only allowed on a loopback address, not on {self.host}: anybody could use the service"
            )
        if self.ticket_system == "jira" and self.jira is None:
            raise InvalidSettings("MLC_TICKETS=jira needs MLC_JIRA_URL, MLC_JIRA_PROJECT and a login")
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError):
            raise InvalidSettings(f"MLC_TIME_ZONE={self.time_zone!r} is no time zone such as Europe/Berlin") from None

    def must_be_shared(self) -> str:
        """The Redis URL of a service spread over several processes. Raises InvalidSettings where it cannot be one."""
        if self.is_embedded:
            raise InvalidSettings(
                "several processes need PostgreSQL: set MLC_DATABASE_URL (or MLC_DATABASE_URL_FILE) to "
                "postgresql://user@host/database, or use `mlc up` for everything in one process"
            )
        if self.redis_url is None:
            raise InvalidSettings("several processes need Redis: set MLC_REDIS_URL (or _FILE) to redis://host:6379/0")
        return self.redis_url

    @property
    def database(self) -> str:
        """The database's URL; by default the SQLite file in the data folder."""
        return self.database_url or f"sqlite:///{(self.data / 'mlc.db').absolute()}"

    @property
    def is_embedded(self) -> bool:
        """Whether this process owns its database alone."""
        return self.database.startswith("sqlite")

    @property
    def runs_folder(self) -> Path:
        """Where model jobs in hand have their working folders; nothing in it outlives the service."""
        return self.data.absolute() / "runs"

    @property
    def environments_folder(self) -> Path:
        """Where the Python environments of models are cached."""
        return self.environments or self.data / "environments"

    def address(self, port: int | None = None) -> str:
        """Where people reach the service."""
        if self.base_url:
            return self.base_url.rstrip("/")
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port if port is None else port}"


def is_loopback(host: str) -> bool:
    """Whether only programs on this machine can reach the address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def settings_from(environment: Mapping[str, str] | None = None, **given: object) -> Settings:
    """The settings of the environment, with `given` (command-line options; None is not given) on top.

    Raises InvalidSettings.
    """
    source = _Environment(os.environ if environment is None else environment)
    jira_poll = 15.0 if source.text("MLC_TICKETS") == "jira" else 1.0
    values: dict[str, object] = {
        "data": Path(source.text("MLC_DATA") or DEFAULT_DATA),
        "database_url": source.secret("MLC_DATABASE_URL"),
        "host": source.text("MLC_HOST") or DEFAULT_HOST,
        "port": int(source.number("MLC_PORT", DEFAULT_PORT)),
        "base_url": source.text("MLC_BASE_URL"),
        "job_threads": int(source.number("MLC_JOB_THREADS", 4)),
        "lease_seconds": source.number("MLC_LEASE_SECONDS", 30.0),
        "environments": _path(source.text("MLC_ENVIRONMENTS")),
        "sandbox": source.choice("MLC_SANDBOX", ("landlock", "rlimits")),
        "full_python": source.choice("MLC_FULL_PYTHON", ("0", "1")) == "1",
        "job_seconds": source.number("MLC_JOB_SECONDS", 600.0),
        "job_memory_mib": int(source.number("MLC_JOB_MEMORY_MIB", 2048)),
        "ticket_system": source.choice("MLC_TICKETS", ("board", "jira")),
        "ticket_poll_seconds": source.number("MLC_TICKET_POLL_SECONDS", jira_poll),
        "jira": _jira(source),
        "redis_url": source.secret("MLC_REDIS_URL"),
        "concurrency": int(source.number("MLC_CONCURRENCY", os.cpu_count() or 1)),
        "resend_seconds": source.number("MLC_RESEND_SECONDS", 5.0),
        "stop_seconds": source.number("MLC_STOP_SECONDS", 20.0),
        "signal_at_once": int(source.number("MLC_SIGNAL_AT_ONCE", 100)),
        "runtime_patience_seconds": source.number("MLC_RUNTIME_PATIENCE_SECONDS", 600.0),
        "admin_password": source.secret("MLC_ADMIN_PASSWORD"),
        "time_zone": source.text("MLC_TIME_ZONE") or "UTC",
        "log_level": source.choice("MLC_LOG_LEVEL", ("info", "debug", "warning", "error")),
        "log_format": source.choice("MLC_LOG_FORMAT", ("", "console", "json")) or None,
        "metrics": source.choice("MLC_METRICS", ("on", "off")) == "on",
        "metrics_port": source.port("MLC_METRICS_PORT"),
        # all else about traces is read by OpenTelemetry itself
        "traces": any(source.text(name) for name in _TRACE_ENDPOINTS),
        "retention": _retention(source),
    }
    values.update({name: value for name, value in given.items() if value is not None})
    values["groovy"] = GroovySettings(
        folder=Path(str(values["data"])).absolute() / "groovy",
        home=_path(source.text("MLC_GROOVY_HOME")),
        java_home=_path(source.text("MLC_JAVA_HOME") or source.text("JAVA_HOME")),
        one_script_per_jvm=source.choice("MLC_GROOVY_ISOLATED", ("0", "1")) == "1",
    )
    return Settings(**values)  # type: ignore[arg-type]


def set_variable(name: str, value: str | None) -> None:
    """The variable has this value, or none: for libraries that take what we know from the environment only."""
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


class _Environment:
    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def text(self, name: str) -> str | None:
        return self._values.get(name) or None

    def secret(self, name: str) -> str | None:
        """The variable, or the content of the file that `<name>_FILE` names."""
        path = self.text(f"{name}_FILE")
        if path is None:
            return self.text(name)
        try:
            return Path(path).read_text(encoding="utf-8").strip() or None
        except OSError as error:
            raise InvalidSettings(f"{name}_FILE: {path} cannot be read ({error.strerror})") from None

    def number(self, name: str, default: float) -> float:
        text = self.text(name)
        try:
            return default if text is None else float(text)
        except ValueError:
            raise InvalidSettings(f"{name}={text!r} is not a number") from None

    def port(self, name: str) -> int | None:
        text = self.text(name)
        if text is None:
            return None
        if not text.isdecimal() or int(text) > 65535:
            raise InvalidSettings(f"{name}={text!r} is not a port")
        return int(text)

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        text = self.text(name) or choices[0]
        if text not in choices:
            raise InvalidSettings(f"{name}={text!r} is none of {', '.join(choices)}")
        return text


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)


def _retention(source: _Environment) -> RetentionRules:
    names = ("MLC_CLEANUP_WINDOW_START", "MLC_CLEANUP_WINDOW_END")
    start, end = (source.text(name) for name in names)
    if (start is None) != (end is None):
        raise InvalidSettings(f"{names[0]} and {names[1]} make a window together: give both or none")
    window = None
    if start is not None and end is not None:
        try:
            window = CleanupWindow(parse_time_of_day(start), parse_time_of_day(end))
        except ValueError as error:
            raise InvalidSettings(f"{' and '.join(names)}: {error}") from None
    batch_rows = int(source.number("MLC_CLEANUP_BATCH", DEFAULT_BATCH_ROWS))
    if batch_rows < 1:
        raise InvalidSettings(f"MLC_CLEANUP_BATCH={batch_rows} must be at least 1")
    days = source.text("MLC_HISTORY_TIME_TO_LIVE")
    if days is not None and not (days.isascii() and days.isdigit() and len(days) <= 6):
        raise InvalidSettings(f"MLC_HISTORY_TIME_TO_LIVE={days!r} is no number of days")
    return RetentionRules(window, batch_rows, None if days is None else int(days))


def _jira(source: _Environment) -> JiraSettings | None:
    url = source.text("MLC_JIRA_URL")
    if url is None:
        return None
    project = source.text("MLC_JIRA_PROJECT")
    if project is None:
        raise InvalidSettings("MLC_JIRA_URL needs MLC_JIRA_PROJECT: the key of the project that gets the tickets")
    try:
        return JiraSettings(
            url=url,
            project=project,
            user=source.text("MLC_JIRA_USER"),
            token=source.secret("MLC_JIRA_TOKEN"),
            personal_access_token=source.secret("MLC_JIRA_PERSONAL_ACCESS_TOKEN"),
            issue_type=source.text("MLC_JIRA_ISSUE_TYPE") or "Task",
            search_delay_seconds=source.number("MLC_JIRA_SEARCH_DELAY_SECONDS", 30.0),
        )
    except ValueError as error:
        raise InvalidSettings(f"Jira: {error}") from None
