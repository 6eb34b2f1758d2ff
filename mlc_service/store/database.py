"""Opening a database so that SQLite and PostgreSQL behave alike: real transactions, JSON as orjson writes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, IntegrityError

# how long one writer waits for another on SQLite, where all of them queue for one lock
BUSY_SECONDS = 30

# PostgreSQL: serialization failure, deadlock, lock not available
_RACE_STATES = frozenset({"40001", "40P01", "55P03"})


def write_json(value: Any) -> str:
    """JSON text; `orjson.loads` of it gives the value back, apart from integers beyond 64 bits."""
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:
        # integers beyond 64 bits are legal JSON, but not for orjson
        return json.dumps(value)


def open_database(database_url: str, pool_size: int) -> Engine:
    """An engine on `sqlite:///file` or `postgresql://…`; raises ValueError for any other database."""
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        return _open_sqlite(url, pool_size)
    if url.get_backend_name() == "postgresql":
        return create_engine(
            url.set(drivername="postgresql+psycopg"),
            pool_size=pool_size,
            max_overflow=pool_size,
            json_serializer=write_json,
            json_deserializer=orjson.loads,
        )
    raise ValueError(f"Only SQLite and PostgreSQL are supported, not {url.get_backend_name()}")


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
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # taking the write lock at once: upgrading a read to a write fails at once if somebody else wrote meanwhile
        reads = connection.get_execution_options().get("mlc_reads_only", False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


def is_race(error: DBAPIError) -> bool:
    """Whether the same transaction, run again, can succeed: somebody else was in the way, nothing else is wrong."""
    cause = error.orig
    if isinstance(error, IntegrityError):
        # two created the same thing at once; the second try will find it
        return getattr(cause, "sqlstate", None) == "23505" or "UNIQUE" in str(cause)
    return getattr(cause, "sqlstate", None) in _RACE_STATES or "database is locked" in str(cause)
