"""The routes over real books on a real database; runtimes and tracker are played."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from mlc_service.identity import Authenticated
from mlc_service.lifecycle.bookkeeping import Bookkeeping
from mlc_service.lifecycle.life_cycle import LifeCycle
from mlc_service.lifecycle.links import Links
from mlc_service.lifecycle.online import OnlineServing
from mlc_service.lifecycle.outgoing import Outbox
from mlc_service.lifecycle.ticket_watch import TicketWatcher
from mlc_service.lifecycle.ticketing import Ticketing
from mlc_service.rest import errors
from mlc_service.rest.dependencies import current_user
from mlc_service.rest.model_manage import model_manage_router
from mlc_service.store.units import UnitOfWork, Units


class QuietOutgoing(Outbox):
    """Schedules jobs; signals and messages go nowhere."""

    def signal(self, unit: UnitOfWork, name: str, variables: Mapping[str, Any]) -> None:
        pass

    def message(self, unit: UnitOfWork, name: str, process_instance_id: str, variables: Mapping[str, Any]) -> None:
        pass


class NoWarmModels:
    """Accepts every model."""

    def open(self, deployed_model_id: str, source: Any) -> Any:
        return self

    def find(self, deployed_model_id: str) -> Any:
        return None

    def close(self, deployed_model_id: str) -> None:
        pass


@pytest.fixture
def client(units: Units, clock: Any) -> Iterator[TestClient]:
    bookkeeping = Bookkeeping(units, clock, QuietOutgoing(clock))
    # no route opens a ticket or calls a delegate
    tickets: Any = None
    nobody: Any = None
    life_cycle = LifeCycle(
        bookkeeping=bookkeeping,
        serving=OnlineServing(bookkeeping, NoWarmModels()),
        ticketing=Ticketing(bookkeeping, tickets, Links("http://mlc")),
        watcher=TicketWatcher(bookkeeping, tickets),
        ports=nobody,
        run_model_job=nobody,
        place_model_job=nobody,
        given_up={},
    )
    app = FastAPI()
    errors.install(app)
    app.include_router(model_manage_router(life_cycle))
    app.dependency_overrides[current_user] = lambda: Authenticated("ann", ())
    with TestClient(app, base_url="http://mlc/", raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def api() -> str:
    return "/model-manage/api"


@pytest.fixture
def a_model() -> dict[str, Any]:
    source = "# modelop.metrics\ndef metrics(data):\n    yield {}\n"
    return {
        "modelMetaData": {"name": "credit"},
        "modelAssets": [
            {"assetType": "SOURCE_CODE", "filename": "model.py", "sourceCode": source},
            {"filename": "test_data.json", "fileContent": "eyJ4IjogMX0K"},
        ],
    }
