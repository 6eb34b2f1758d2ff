"""The ports to where accounts and the service's own secrets are kept, and the account itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Account:
    """A person or a program that may log in."""

    id: str
    password_hash: str
    groups: tuple[str, ...] = ()
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None


class Accounts(Protocol):
    """Where accounts are read and written; each call is its own transaction."""

    def find(self, user_id: str) -> Account | None:
        """The account, or None. Safe to repeat."""

    def save(self, account: Account) -> None:
        """The account exists with exactly these values. Safe to repeat."""

    def add_first(self, account: Account) -> bool:
        """The account exists if nobody had one; False if somebody had. Of two callers at once one is answered True."""

    def delete(self, user_id: str) -> None:
        """No such account exists. Safe to repeat."""

    def is_empty(self) -> bool:
        """Whether nobody has an account yet."""


class Secrets(Protocol):
    """Where the service keeps secrets it made itself."""

    def get_or_put(self, name: str, fresh: str) -> str:
        """The stored secret; `fresh` is stored if there was none. Two callers at once get the same one."""


class AccountStore(Accounts, Secrets, Protocol):
    """Both ports in one adapter, as the database offers them."""
