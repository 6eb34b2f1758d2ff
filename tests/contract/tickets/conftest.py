"""Every adapter of the port, with the people at its other end."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol

import pytest

from mlc_service.store.units import Units
from mlc_service.tickets import TicketRef, Tickets
from mlc_service.tickets.board import Board, BoardTickets
from mlc_service.tickets.board_rows import BoardEntry, BoardTicketRow, BoardUnits
from mlc_service.tickets.jira import JiraSettings, JiraTickets
from tests.conftest import SettableClock
from tests.contract.tickets.board_rows_in_memory import BoardRowsInMemory
from tests.jira_stand_in import PERSONAL_ACCESS_TOKEN, TOKEN, USER, JiraStandIn


class Desk(Protocol):
    """A tracker seen from both sides: the port, and what people do at it."""

    clock: SettableClock

    @property
    def tickets(self) -> Tickets: ...

    def move(self, ref: TicketRef, to: str, by: str, comment: str) -> None:
        """A person moves the ticket."""
        ...

    def count(self) -> int:
        """How many tickets there are."""
        ...

    def text(self, ref: TicketRef) -> str:
        """What a reader of the ticket sees below its title."""
        ...

    def comments(self, ref: TicketRef) -> list[str]:
        """The comments below the ticket, oldest first."""
        ...

    def missing(self) -> TicketRef:
        """A ticket that is not there."""
        ...


class BoardDesk:
    """At the board, in memory or in a database."""

    def __init__(self, units: BoardUnits, clock: SettableClock) -> None:
        self.clock = clock
        self.units = units
        self.tickets = BoardTickets(units, clock, base_url="http://mlc.test")

    def move(self, ref: TicketRef, to: str, by: str, comment: str = "") -> None:
        number = int(ref.id)
        self.units.run(lambda unit: Board(unit.board_tickets, self.clock).move(number, to, by=by, comment=comment))

    def row(self, number: int) -> BoardTicketRow:
        row = self.units.read(lambda unit: unit.board_tickets.get(number))
        assert row is not None
        return row

    def journal(self, number: int) -> list[BoardEntry]:
        return self.units.read(lambda unit: unit.board_tickets.entries(number))

    def count(self) -> int:
        return len(self.units.read(lambda unit: unit.board_tickets.newest()))

    def text(self, ref: TicketRef) -> str:
        return self.row(int(ref.id)).description

    def comments(self, ref: TicketRef) -> list[str]:
        return [entry.text or "" for entry in self.journal(int(ref.id)) if entry.kind == "comment"]

    def missing(self) -> TicketRef:
        return TicketRef("board", "999", "MLC-999", "")


class JiraDesk:
    def __init__(self, jira: JiraStandIn, clock: SettableClock) -> None:
        self.jira = jira
        self.clock = clock
        self.settings = _settings(jira)
        self.tickets = JiraTickets(self.settings, clock)

    def after_restart(self, **changed: object) -> JiraTickets:
        """The adapter as a new process has it: nothing in memory. `changed` are other settings."""
        self.tickets.close()
        self.tickets = JiraTickets(replace(self.settings, **changed), self.clock)  # type: ignore[arg-type]
        return self.tickets

    def move(self, ref: TicketRef, to: str, by: str, comment: str) -> None:
        self.jira.tracker.move(ref.id, to, by, comment)

    def count(self) -> int:
        return len(self.jira.tracker.issues)

    def text(self, ref: TicketRef) -> str:
        return self.jira.tracker.issue(ref.id).description

    def comments(self, ref: TicketRef) -> list[str]:
        return [comment.body for comment in self.jira.tracker.issue(ref.id).comments]

    def missing(self) -> TicketRef:
        return TicketRef("jira", "99999", "MLC-99999", "")


def _settings(jira: JiraStandIn) -> JiraSettings:
    if jira.tracker.flavour == "cloud":
        return JiraSettings(url=jira.url, project="MLC", user=USER, token=TOKEN)
    return JiraSettings(url=jira.url, project="MLC", personal_access_token=PERSONAL_ACCESS_TOKEN)


@pytest.fixture(scope="session")
def data_center() -> Iterator[JiraStandIn]:
    with JiraStandIn("data_center") as jira:
        yield jira


@pytest.fixture(scope="session")
def cloud() -> Iterator[JiraStandIn]:
    with JiraStandIn("cloud") as jira:
        yield jira


def _at_jira(jira: JiraStandIn, clock: SettableClock) -> Iterator[JiraDesk]:
    jira.empty(clock.now)
    at_jira = JiraDesk(jira, clock)
    yield at_jira
    at_jira.tickets.close()


@pytest.fixture(params=["data_center", "cloud"])
def jira_desk(request: pytest.FixtureRequest, clock: SettableClock) -> Iterator[JiraDesk]:
    """A desk at each flavour of Jira in turn."""
    yield from _at_jira(request.getfixturevalue(request.param), clock)


@pytest.fixture
def cloud_desk(cloud: JiraStandIn, clock: SettableClock) -> Iterator[JiraDesk]:
    """A desk at Jira Cloud."""
    yield from _at_jira(cloud, clock)


@pytest.fixture
def board_desk(units: Units, clock: SettableClock) -> BoardDesk:
    """A desk at the board in each kind of database in turn."""
    return BoardDesk(units, clock)


@pytest.fixture(params=["board in memory", "board in a database", "data_center", "cloud"])
def desk(request: pytest.FixtureRequest, clock: SettableClock) -> Iterator[Desk]:
    """A desk at each tracker in turn."""
    if request.param == "board in memory":
        yield BoardDesk(BoardRowsInMemory(), clock)
    elif request.param == "board in a database":
        units = Units(_sqlite(request))
        yield BoardDesk(units, clock)
        units.close()
    else:
        yield from _at_jira(request.getfixturevalue(request.param), clock)


def _sqlite(request: pytest.FixtureRequest) -> str:
    file = request.getfixturevalue("tmp_path") / "board.db"
    shutil.copy(request.getfixturevalue("sqlite_template"), file)
    return f"sqlite:///{file}"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy in the developer's environment must not get the loopback requests."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
