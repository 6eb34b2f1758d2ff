"""Opening a database so that SQLite and PostgreSQL behave alike: real transactions, JSON as orjson writes it."""

from __future__ import annotations

import json
import math
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import psycopg
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, DisconnectionError, IntegrityError, OperationalError

from mlc_service.store.errors import UnstorableText

# how long one writer waits for another on SQLite, where all of them queue for one lock
BUSY_SECONDS = 30
CONNECT_SECONDS = 10
# a connection that was used longer ago than that is asked whether it still lives
REST_SECONDS = 0.5

# an escaped NUL, not an escaped backslash followed by u0000
NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")

_LARGE_FLOAT = re.compile(r"\de\+?1[6-9]")

# PostgreSQL: serialization failure, deadlock, lock not available
_RACE_STATES = frozenset({"40001", "40P01", "55P03"})


def write_json(value: Any) -> str:
    """JSON text that both databases give back as it was, apart from integers beyond 64 bits.

    Raises UnstorableText for texts with a NUL or half a surrogate pair, which PostgreSQL cannot keep.
    """
    try:
        text = orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:
        # integers beyond 64 bits are legal JSON, but not for orjson
        text = json.dumps(value, ensure_ascii=False)
        if any("\ud800" <= sign <= "\udfff" for sign in text):
            raise UnstorableText("a text with half a surrogate pair cannot be stored") from None
    if "\\u0000" in text and NUL.search(text):
        raise UnstorableText("a text with a NUL character cannot be stored")
    if _LARGE_FLOAT.search(text):
        text = orjson.dumps(_written_out(value), option=orjson.OPT_NON_STR_KEYS).decode()
    return text


def _written_out(value: Any) -> Any:
    """The value with its large whole floats in digits: JSONB makes 1e17 an integer, but leaves 100000000000000000.0."""
    if isinstance(value, float):
        return orjson.Fragment(f"{value:.1f}") if 1e16 <= abs(value) < 1e20 else value
    if isinstance(value, dict):
        return {name: _written_out(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_written_out(item) for item in value]
    return value


def open_database(database_url: str, pool_size: int, *, commits_each: bool = False) -> Engine:
    """An engine on `sqlite:///file` or `postgresql://…`; raises ValueError for any other database.

    With `commits_each` a statement on PostgreSQL is a transaction of its own until somebody says BEGIN.
    """
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        return _open_sqlite(url, pool_size)
    if url.get_backend_name() == "postgresql":
        return _open_postgresql(url, pool_size, commits_each)
    raise ValueError(f"Only SQLite and PostgreSQL are supported, not {url.get_backend_name()}")


def _open_postgresql(url: URL, pool_size: int, commits_each: bool) -> Engine:
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=pool_size,
        connect_args={"connect_timeout": CONNECT_SECONDS},
        json_serializer=write_json,
        json_deserializer=orjson.loads,
        **({"isolation_level": "AUTOCOMMIT"} if commits_each else {}),
    )

    @event.listens_for(engine, "checkin")
    def _rests(_connection: Any, record: Any) -> None:
        record.info["rests_since"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def _still_lives(connection: Any, record: Any, _proxy: Any) -> None:
        # asking each time would cost every command a round trip, never asking a failed command for every
        # connection that rested while the server was restarted
        if time.monotonic() - record.info.get("rests_since", math.inf) < REST_SECONDS:
            return
        try:
            connection.execute("SELECT 1")
            connection.rollback()
        except psycopg.Error as error:
            # the pool opens a new one
            raise DisconnectionError from error

    return engine


def _open_sqlite(url: URL, pool_size: int) -> Engine:
    if url.database in (None, "", ":memory:"):
        raise ValueError("SQLite needs a file: a database in memory cannot be shared between threads")
    Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url.set(drivername="sqlite"),
        pool_size=pool_size,
        max_overflow=pool_size,
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False, "isolation_level": None},
        json_serializer=write_json,
        json_deserializer=orjson.loads,
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        # a killed process loses nothing under NORMAL; a power cut may lose the last commits, never the file
        cursor.execute("PRAGMA synchronous = NORMAL")
        cursor.execute("PRAGMA foreign_keys = ON")
        # as PostgreSQL has it
        cursor.execute("PRAGMA case_sensitive_like = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # taking the write lock at once: upgrading a read to a write fails at once if somebody else wrote meanwhile
        reads = connection.get_execution_options().get("mlc_reads_only", False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


def database_clock(connection: Connection) -> datetime:
    """What the database's clock says; that of a SQLite file is this machine's."""
    is_sqlite = connection.dialect.name == "sqlite"
    asked = "SELECT strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')" if is_sqlite else "SELECT clock_timestamp()"
    now = connection.exec_driver_sql(asked).scalar_one()
    return (datetime.fromisoformat(now) if isinstance(now, str) else now).astimezone(UTC)


def error_code(error: DBAPIError) -> str:
    """PostgreSQL's five signs, SQLite's name: for telling kinds of errors apart, of which there are few."""
    code = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "sqlite_errorname", None)
    return str(code or type(error).__name__)


def is_race(error: DBAPIError) -> bool:
    """Whether the same transaction, run again, can succeed: somebody else was in the way, nothing else is wrong."""
    cause = error.orig
    if isinstance(error, IntegrityError):
        # two created the same thing at once; the second try will find it
        return getattr(cause, "sqlstate", None) == "23505" or "UNIQUE" in str(cause)
    return getattr(cause, "sqlstate", None) in _RACE_STATES or "database is locked" in str(cause)


def is_away(error: DBAPIError) -> bool:
    """Whether the database could not be reached, or broke off."""
    return error.connection_invalidated or (isinstance(error, OperationalError) and not is_race(error))
