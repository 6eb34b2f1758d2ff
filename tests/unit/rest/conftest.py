"""An application over a real database, without login unless a test asks for one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from mlc_service.identity import OpenDoor
from mlc_service.language.scripts import ScriptRunner
from mlc_service.process.surroundings import Surroundings
from mlc_service.rest.application import create_app
from mlc_service.rest.dependencies import Dependencies
from mlc_service.store.units import Units

REST = "/mlc-service/rest"


@pytest.fixture(params=["sqlite"])
def database_url(request: pytest.FixtureRequest, tmp_path: Any) -> str:
    """SQLite only: what differs between databases is tested in the store."""
    import shutil

    shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "mlc.db")
    return f"sqlite:///{tmp_path / 'mlc.db'}"


@pytest.fixture
def make_client(units: Units, clock: Any) -> Iterator[Callable[..., TestClient]]:
    """Makes a client of an application; keyword arguments replace dependencies."""
    opened: list[TestClient] = []

    def make(**replaced: Any) -> TestClient:
        given: dict[str, Any] = {
            "units": units,
            "clock": clock,
            "gate": OpenDoor(),
            "process": Surroundings(clock, ScriptRunner(), frozenset()),
            "run_job": lambda job_id: None,
        }
        client = TestClient(create_app(Dependencies(**(given | replaced))), raise_server_exceptions=False)
        client.__enter__()
        opened.append(client)
        return client

    yield make
    for client in opened:
        client.__exit__(None, None, None)


@pytest.fixture
def client(make_client: Callable[..., TestClient]) -> TestClient:
    return make_client()
