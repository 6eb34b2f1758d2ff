"""Openings in the service's own database: a crash between asking the tracker and hearing its answer is remembered."""

from __future__ import annotations

from datetime import datetime

from mlc_service.store.openings import TicketOpeningRow
from mlc_service.store.units import Units
from mlc_service.tickets.openings import Opening
from mlc_service.tickets.port import TicketRef


class StoredOpenings:
    """The `Openings` port; every call is one transaction."""

    def __init__(self, units: Units) -> None:
        self._units = units

    def find(self, key: str) -> Opening | None:
        row = self._units.read(lambda unit: unit.ticket_openings.look_up(key))
        if row is None:
            return None
        if row.system is None or row.ticket_id is None:
            return Opening(row.attempted_at)
        ref = TicketRef(row.system, row.ticket_id, row.ticket_key or "", row.url or "")  # type: ignore[arg-type]
        return Opening(row.attempted_at, ref)

    def attempt(self, key: str, at: datetime, instead_of: Opening | None) -> bool:
        if instead_of is None:
            return self._units.run(lambda unit: unit.ticket_openings.insert_if_absent(TicketOpeningRow(key, at)))
        before = instead_of.attempted_at
        return self._units.run(lambda unit: unit.ticket_openings.attempt_again(key, at, before))

    def opened(self, key: str, ref: TicketRef, at: datetime) -> None:
        row = TicketOpeningRow(key, at, ref.system, ref.id, ref.key, ref.url)
        self._units.run(lambda unit: unit.ticket_openings.record(row))

    def forget(self, key: str) -> None:
        self._units.run(lambda unit: unit.ticket_openings.delete(key))
