"""Accounts and secrets in the service's own database."""

from __future__ import annotations

from mlc_service.clock import Clock
from mlc_service.identity.accounts import Account
from mlc_service.store.rows import UserRow
from mlc_service.store.units import UnitOfWork, Units


class StoredAccounts:
    """The `AccountStore` of production; every call is one transaction."""

    def __init__(self, units: Units, clock: Clock) -> None:
        self._units = units
        self._clock = clock

    def find(self, user_id: str) -> Account | None:
        row = self._units.read(lambda unit: unit.users.look_up(user_id))
        if row is None:
            return None
        return Account(
            id=row.id,
            password_hash=row.password_hash or "",
            groups=tuple(row.groups),
            first_name=row.first_name,
            last_name=row.last_name,
            email=row.email,
        )

    def save(self, account: Account) -> None:
        def work(unit: UnitOfWork) -> None:
            known = unit.users.look_up(account.id)
            if known is None:
                unit.users.insert(self._row(account))
            else:
                unit.users.update(self._row(account)._replace(created=known.created))

        self._units.run(work)

    def add_first(self, account: Account) -> bool:
        def work(unit: UnitOfWork) -> bool:
            if unit.users.count():
                return False
            # of two at once, one breaks the primary key and finds the other's when it is repeated
            unit.users.insert(self._row(account))
            return True

        return self._units.run(work)

    def _row(self, account: Account) -> UserRow:
        return UserRow(
            id=account.id,
            first_name=account.first_name,
            last_name=account.last_name,
            email=account.email,
            password_hash=account.password_hash or None,
            groups=list(account.groups),
            created=self._clock.now(),
        )

    def delete(self, user_id: str) -> None:
        self._units.run(lambda unit: unit.users.delete(user_id))

    def is_empty(self) -> bool:
        return self._units.read(lambda unit: unit.users.count()) == 0

    def get_or_put(self, name: str, fresh: str) -> str:
        stored = self._units.run(lambda unit: unit.settings.get_or_put(name, fresh, self._clock.now()))
        return str(stored)
