from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.recovery.fleet import Effects, Fleet, RedisServer
from tests.servers import DebianPostgres, debian_postgres


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One fleet at a time: two would keep each other from starting."""
    for item in items:
        if "make_fleet" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("fleet"))


@pytest.fixture
def killable_postgres() -> Iterator[DebianPostgres]:
    """A PostgreSQL that may be restarted."""
    binaries = debian_postgres()
    if binaries is None:
        pytest.skip("needs Debian's PostgreSQL server: it is restarted in the middle (scripts/ensure_services.sh)")
    running = DebianPostgres(binaries, os.getpid(), keeps_commits=True)
    yield running
    running.stop()


@pytest.fixture
def killable_redis() -> Iterator[RedisServer]:
    """A Redis that may be killed."""
    if shutil.which("redis-server") is None:
        pytest.skip("needs redis-server: it is killed in the middle (scripts/ensure_services.sh)")
    with RedisServer() as running:
        yield running


@pytest.fixture
def effects() -> Iterator[Effects]:
    with Effects() as running:
        yield running


@pytest.fixture
def make_fleet(
    tmp_path: Path, killable_postgres: DebianPostgres, killable_redis: RedisServer
) -> Iterator[Callable[..., Fleet]]:
    """Makes a service with settings of one's own."""
    with ExitStack() as stack:

        def make(**settings: Any) -> Fleet:
            return stack.enter_context(Fleet(tmp_path, killable_postgres.url, killable_redis.url, **settings))

        yield make


@pytest.fixture
def fleet(make_fleet: Callable[..., Fleet]) -> Fleet:
    """A service without any process yet."""
    return make_fleet()
