"""Users, and what the service decided about itself once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from mlc_service.store.errors import NotFound
from mlc_service.store.rows import UserRow
from mlc_service.store.selecting import ALL, Page, paged
from mlc_service.store.tables import settings, users
from mlc_service.store.transaction import Transaction


class Users:
    """People and machines that sign in, by id."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def insert(self, user: UserRow) -> None:
        self._transaction.execute(insert(users), user._asdict())

    def get(self, id: str) -> UserRow:
        """Raises NotFound."""
        row = self._transaction.execute(select(users).where(users.c.id == id)).first()
        if row is None:
            raise NotFound("user", id)
        return UserRow._make(row)

    def look_up(self, id: str) -> UserRow | None:
        row = self._transaction.execute(select(users).where(users.c.id == id)).first()
        return None if row is None else UserRow._make(row)

    def update(self, user: UserRow) -> None:
        """The user is as given. Raises NotFound."""
        if not self._transaction.execute(update(users).where(users.c.id == user.id).values(user._asdict())).rowcount:
            raise NotFound("user", user.id)

    def delete(self, id: str) -> None:
        self._transaction.execute(delete(users).where(users.c.id == id))

    def find(self, page: Page = ALL) -> list[UserRow]:
        return [
            UserRow._make(row) for row in self._transaction.execute(paged(select(users), page, users.c, (users.c.id,)))
        ]

    def count(self) -> int:
        return self._transaction.execute(select(func.count()).select_from(users)).scalar_one()


class Settings:
    """Named JSON values that the service keeps for itself, such as its signing keys."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def get(self, name: str) -> Any | None:
        """The value, or None if there is none."""
        return self._transaction.execute(select(settings.c.value).where(settings.c.name == name)).scalar()

    def put(self, name: str, value: Any, now: datetime) -> None:
        """The value is this one, whatever it was."""
        changed = self._transaction.execute(
            update(settings).where(settings.c.name == name).values(value=value, updated=now)
        )
        if not changed.rowcount:
            self._transaction.execute(insert(settings), {"name": name, "value": value, "updated": now})

    def get_or_put(self, name: str, fresh: Any, now: datetime) -> Any:
        """The value there is, or else `fresh`, which is stored then. Two callers at once get the same one."""
        dialect = postgresql if self._transaction.dialect.name == "postgresql" else sqlite
        self._transaction.execute(
            dialect.insert(settings).on_conflict_do_nothing(index_elements=["name"]),
            {"name": name, "value": fresh, "updated": now},
        )
        return self.get(name)
