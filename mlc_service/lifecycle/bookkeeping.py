"""Opens the books: one transaction per change, repeated when the database says that two stood in each other's way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from mlc_service.clock import Clock
from mlc_service.language.scripts import ScriptRunner
from mlc_service.lifecycle.books import Books
from mlc_service.lifecycle.ports import Outgoing
from mlc_service.store.units import UnitOfWork, Units

T = TypeVar("T")
SYSTEM = "SYSTEM"


@dataclass(frozen=True, slots=True)
class Bookkeeping:
    """Gives out books on one database."""

    units: Units
    clock: Clock
    outgoing: Outgoing
    scripts: ScriptRunner | None = None

    def change(self, work: Callable[[Books], T], by: str = SYSTEM) -> T:
        """Answers `work(books)` after its commit. `work` may run more than once, so it changes nothing else."""
        return self.units.run(lambda unit: work(self.books(unit, by)))

    def read(self, work: Callable[[Books], T]) -> T:
        """Answers `work(books)`, of books that are never committed."""
        return self.units.read(lambda unit: work(self.books(unit)))

    def books(self, unit: UnitOfWork, by: str = SYSTEM) -> Books:
        """The books of a transaction that somebody else commits."""
        return Books(unit, self.outgoing, self.clock.now(), by, self.scripts)
