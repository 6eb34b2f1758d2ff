"""Looking at a database without changing it: can it be reached, what is it, is it ours, what does it still offer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, inspect
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from mlc_service.store import schema
from mlc_service.store.database import database_clock
from mlc_service.store.schema import SchemaState
from mlc_service.store.tables import metadata

_CONNECT_SECONDS = "5"
_LOCAL = (None, "", "localhost", "127.0.0.1", "::1")
# part of the driver's message -> what to do
_REMEDIES = (
    ("password authentication failed", "Check user and password in MLC_DATABASE_URL."),
    ("no password supplied", "Give a password in MLC_DATABASE_URL (or in a file, MLC_DATABASE_URL_FILE)."),
    ("no pg_hba.conf entry", "Allow this user and machine in the server's pg_hba.conf."),
    ("does not exist", "Create the database and the user, or correct their names in MLC_DATABASE_URL."),
    ("resolve host", "Check the host in MLC_DATABASE_URL."),
    ("translate host name", "Check the host in MLC_DATABASE_URL."),
    ("Connection refused", "Check host and port in MLC_DATABASE_URL, and that the server runs."),
    ("timeout", "Check the host in MLC_DATABASE_URL, and whether a firewall is in between."),
    ("too many clients", "Raise max_connections of PostgreSQL, or run fewer processes."),
    ("not a database", "The file is something else: name another one, or another data folder."),
)


class DatabaseUnreachable(Exception):
    """Nothing could be asked of the database; the message has no stack trace, `remedy` says what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        self.remedy = remedy
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Inspected:
    """A database that answers. `kind` is sqlite or postgresql; connections are None where there is no limit.

    `is_ours` is False if tables are there and none of them is the service's. `folder` is where a database on this
    machine keeps its files, if that can be told.
    """

    kind: str
    version: tuple[int, ...]
    schema: SchemaState
    is_ours: bool
    clock_ahead_seconds: float
    most_connections: int | None
    used_connections: int | None
    folder: Path | None


def inspect_database(database_url: str, now: Callable[[], datetime]) -> Inspected:
    """What the database says of itself; `now` is this machine's clock. Raises DatabaseUnreachable."""
    try:
        url = make_url(database_url)
        kind = url.get_backend_name()
    except (ArgumentError, ValueError):
        raise DatabaseUnreachable(
            "the address is no database's", "Set MLC_DATABASE_URL to postgresql://user:password@host/database."
        ) from None
    if kind not in ("sqlite", "postgresql"):
        raise DatabaseUnreachable(f"{kind} is not supported", "Use PostgreSQL or SQLite.")
    engine = _engine(url, kind)
    try:
        with engine.connect() as connection:
            return _inspected(engine, connection, url, kind, now)
    except DBAPIError as error:
        message = " ".join(str(error.orig).split())
        remedy = next((text for part, text in _REMEDIES if part in message), "Check MLC_DATABASE_URL.")
        raise DatabaseUnreachable(message, remedy) from None
    finally:
        engine.dispose()


def _engine(url: URL, kind: str) -> Engine:
    if kind == "sqlite":
        if not Path(str(url.database)).is_file():
            raise DatabaseUnreachable(f"{url.database} does not exist yet", "`mlc up` or `mlc migrate` makes it.")
        return create_engine(url.set(drivername="sqlite"))
    if "connect_timeout" not in url.query:
        url = url.update_query_dict({"connect_timeout": _CONNECT_SECONDS})
    return create_engine(url.set(drivername="postgresql+psycopg"))


def _inspected(engine: Engine, connection: Connection, url: URL, kind: str, now: Callable[[], datetime]) -> Inspected:
    before = now()
    said = database_clock(connection)
    # half way between asking and being told
    ahead = (before + (now() - before) / 2 - said).total_seconds()
    tables = set(inspect(connection).get_table_names())
    is_ours = not tables or bool(tables & set(metadata.tables))
    state = schema.state_of(engine)
    if kind == "sqlite":
        version = tuple(map(int, str(_scalar(connection, "SELECT sqlite_version()")).split(".")))
        folder = Path(str(url.database)).absolute().parent
        return Inspected(kind, version, state, is_ours, ahead, None, None, folder)
    number = int(str(_scalar(connection, "SHOW server_version_num")))
    most = int(str(_scalar(connection, "SHOW max_connections")))
    used = int(str(_scalar(connection, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")))
    folder_said = _data_directory(connection) if url.host in _LOCAL else None
    return Inspected(kind, (number // 10000, number % 10000), state, is_ours, ahead, most, used, folder_said)


def _data_directory(connection: Connection) -> Path | None:
    try:
        folder = Path(str(_scalar(connection, "SHOW data_directory")))
    except DBAPIError:
        # only some users may know
        return None
    return folder if folder.is_dir() else None


def _scalar(connection: Connection, statement: str) -> object:
    return connection.exec_driver_sql(statement).scalar_one()
