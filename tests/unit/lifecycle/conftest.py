"""Builders and fakes for the life cycle: real books on a real database, everything around them played."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from mlc_service.jobs.work import Lease
from mlc_service.lifecycle.bookkeeping import Bookkeeping
from mlc_service.lifecycle.books import Books
from mlc_service.lifecycle.engines import register_engine
from mlc_service.lifecycle.outgoing import Outbox
from mlc_service.lifecycle.snapshots import create_snapshot
from mlc_service.runtimes import ModelRun, OnlineSource, RunOutcome, ScoringError
from mlc_service.store.rows import JobRow
from mlc_service.store.units import UnitOfWork, Units
from mlc_service.tickets.port import TicketRef, TicketRequest, TicketState, TicketsUnavailable

SOURCE = """
# modelop.init
def begin():
    pass

# modelop.score
def action(record):
    yield {"score": record["x"] * 2}

# modelop.metrics
def metrics(data):
    yield {"auc": 0.8, "rows": len(data)}

# modelop.train
def train(data):
    with open("outputDir/weights.pkl", "wb") as file:
        file.write(b"trained")
"""

DMN = """<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="t" namespace="http://camunda.org/schema/1.0/dmn">
  <decision id="performance" name="Performance">
    <decisionTable id="table" hitPolicy="COLLECT">
      <input id="i"><inputExpression id="e" typeRef="double"><text>auc</text></inputExpression></input>
      <output id="o1" name="passes" typeRef="boolean"/><output id="o2" name="reason" typeRef="string"/>
      <rule id="too_low"><inputEntry id="c"><text>&lt; THRESHOLD</text></inputEntry>
        <outputEntry id="r1"><text>false</text></outputEntry>
        <outputEntry id="r2"><text>"auc is under THRESHOLD"</text></outputEntry></rule>
    </decisionTable>
  </decision>
</definitions>"""


@pytest.fixture
def a_dmn() -> Callable[[str], str]:
    """Builds a table that fails an auc below the threshold."""
    return lambda threshold: DMN.replace("THRESHOLD", threshold)


@dataclass
class RecordingOutgoing:
    """Schedules jobs for real; signals and messages are kept to be looked at, in the order of their commits."""

    outbox: Outbox
    signals: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    messages: list[tuple[str, str, Mapping[str, Any]]] = field(default_factory=list)

    def signal(self, unit: UnitOfWork, name: str, variables: Mapping[str, Any]) -> None:
        unit.after_commit(lambda: self.signals.append((name.rpartition(".")[2], variables)))

    def message(self, unit: UnitOfWork, name: str, process_instance_id: str, variables: Mapping[str, Any]) -> None:
        unit.after_commit(lambda: self.messages.append((name.rpartition(".")[2], process_instance_id, variables)))

    def schedule(self, unit: UnitOfWork, kind: str, payload: Mapping[str, Any]) -> None:
        self.outbox.schedule(unit, kind, payload)

    def job_statuses(self) -> list[str]:
        """What the job_status_changed signals said."""
        return [said["JOB"]["jobStatus"] for name, said in self.signals if name == "Signals_job_status_changed"]


@pytest.fixture
def outgoing(clock: Any) -> RecordingOutgoing:
    return RecordingOutgoing(Outbox(clock))


@pytest.fixture
def bookkeeping(units: Units, clock: Any, outgoing: RecordingOutgoing) -> Bookkeeping:
    return Bookkeeping(units, clock, outgoing)


@pytest.fixture
def books(units: Units, clock: Any, outgoing: RecordingOutgoing) -> Iterator[Books]:
    """Books of one open transaction."""
    with units.begin() as unit:
        yield Books(unit, outgoing, clock.now(), "ann")


@pytest.fixture
def a_model() -> Callable[..., dict[str, Any]]:
    """Builds a stored model as a person would post it."""

    def build(name: str = "credit", *, assets: Sequence[dict[str, Any]] = (), **meta: Any) -> dict[str, Any]:
        source = {"assetType": "SOURCE_CODE", "filename": "model.py", "sourceCode": SOURCE}
        return {"modelMetaData": {"name": name, "type": "PYTHON", **meta}, "modelAssets": [source, *assets]}

    return build


@pytest.fixture
def a_file() -> Callable[..., dict[str, Any]]:
    """Builds an embedded file asset."""

    def build(name: str, text: str, **more: Any) -> dict[str, Any]:
        return {"assetType": "FILE", "filename": name, "fileContentString": text, **more}

    return build


@pytest.fixture
def a_snapshot(bookkeeping: Bookkeeping, a_model: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Makes a stored snapshot of a fresh model."""

    def make(*, tags: Sequence[str] = ("svc",), model: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        body = {"storedModel": model or a_model(), "metaData": {"tags": list(tags)}, **more}
        return bookkeeping.change(lambda books: create_snapshot(books, body), by="ann")

    return make


@pytest.fixture
def an_engine(bookkeeping: Bookkeeping) -> Callable[..., dict[str, Any]]:
    """Makes a runtime; `online=True` gives it endpoints."""

    def make(name: str, *, tags: Sequence[str] = ("svc",), online: bool = False, **more: Any) -> dict[str, Any]:
        endpoints = [{"endpointType": "REST"}] if online else []
        body = {"name": name, "tags": list(tags), "inputEndpoints": endpoints, "outputEndpoints": endpoints, **more}
        return bookkeeping.change(lambda books: register_engine(books, body))

    return make


@pytest.fixture
def claim(units: Units, clock: Any) -> Callable[[], tuple[JobRow, Lease]]:
    """Claims the next due job, as a worker would."""

    def take() -> tuple[JobRow, Lease]:
        lease = Lease("worker", 30)
        row = units.run(lambda unit: unit.jobs.claim(lease.worker, clock.now(), lease.until(clock.now()), 1))[0]
        return row, lease

    return take


class FakeRunner:
    """Runs nothing: answers with `outcome`, after `meanwhile` has happened."""

    def __init__(self) -> None:
        self.outcome = RunOutcome("COMPLETE", "SUCCESS", ["batch job complete"], b'{"auc": 0.8}\n', 1, 1)
        self.meanwhile: Callable[[Callable[[str], None], Callable[[], bool]], None] = lambda _say, _cancelled: None
        self.runs: list[ModelRun] = []

    def run(
        self,
        run: ModelRun,
        on_message: Callable[[str], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> RunOutcome:
        assert on_message is not None
        assert cancelled is not None
        self.runs.append(run)
        self.meanwhile(on_message, cancelled)
        return self.outcome


class FakeWarmModels:
    """Warm models that double `x`; `broken` makes the next one fail to start."""

    def __init__(self) -> None:
        self.open_ids: dict[str, OnlineSource] = {}
        self.broken = ""

    def open(self, deployed_model_id: str, source: OnlineSource) -> FakeWarmModels:
        if self.broken:
            raise ScoringError("state", "the model is not ready", self.broken)
        self.open_ids[deployed_model_id] = source
        return self

    def find(self, deployed_model_id: str) -> FakeWarmModels | None:
        return self if deployed_model_id in self.open_ids else None

    def close(self, deployed_model_id: str) -> None:
        self.open_ids.pop(deployed_model_id, None)

    def score(self, record: Any) -> Any:
        if not isinstance(record, dict):
            raise ScoringError("input", "An error has occurred: input record rejected by schema")
        return {"score": record["x"] * 2}


class FakeTickets:
    """A tracker in a dictionary; `down` makes it unavailable."""

    def __init__(self) -> None:
        self.requests: dict[str, TicketRequest] = {}
        self.states: dict[TicketRef, TicketState] = {}
        self.down = False

    def open(self, request: TicketRequest) -> TicketRef:
        self._check()
        self.requests.setdefault(request.key, request)
        number = str(list(self.requests).index(request.key) + 1)
        ref = TicketRef("board", number, f"MLC-{number}", f"http://board/{number}")
        self.states.setdefault(ref, TicketState("Open", "open"))
        return ref

    def read(self, ref: TicketRef) -> TicketState:
        self._check()
        return self.states[ref]

    def read_many(self, refs: Sequence[TicketRef]) -> Mapping[TicketRef, TicketState]:
        self._check()
        return {ref: self.states[ref] for ref in refs if ref in self.states}

    def comment(self, ref: TicketRef, text: str, key: str) -> None:
        raise NotImplementedError

    def close(self, key: str, decision: Any, by: str = "rita", comment: str | None = None) -> None:
        """The ticket MLC-n is closed."""
        ref = next(ref for ref in self.states if ref.key == key)
        self.states[ref] = TicketState("Done" if decision == "done" else "Rejected", decision, by, None, comment)

    def _check(self) -> None:
        if self.down:
            raise TicketsUnavailable("board", "down")


@pytest.fixture
def runner() -> FakeRunner:
    return FakeRunner()


@pytest.fixture
def warm_models() -> FakeWarmModels:
    return FakeWarmModels()


@pytest.fixture
def tickets() -> FakeTickets:
    return FakeTickets()
