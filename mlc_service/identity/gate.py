"""What the edge asks about every request: who is this?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from mlc_service.identity.tokens import TokenPair


class NotAuthenticated(Exception):
    """No credentials, or none that are good; `credentials_given` tells the two apart."""

    def __init__(self, message: str, *, credentials_given: bool) -> None:
        self.credentials_given = credentials_given
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Authenticated:
    """The caller, and the groups that count for `candidateGroups` and `currentUserGroups()`."""

    user_id: str
    groups: tuple[str, ...] = ()


class Gate(Protocol):
    """Tells who a caller is. All methods are safe to repeat and to call from any thread."""

    def authenticate(self, authorization: str | None, address: str) -> Authenticated:
        """The caller behind an `Authorization` header (Basic or Bearer).

        Raises `NotAuthenticated` or `TooManyAttempts`.
        """

    def log_in(self, user_id: str, password: str, address: str) -> TokenPair:
        """Tokens for a user and password. Raises `NotAuthenticated` or `TooManyAttempts`."""

    def refresh(self, refresh_token: str) -> TokenPair:
        """New tokens for a refresh token that is still good. Raises `NotAuthenticated`."""


class OpenDoor:
    """No authentication: every request is the same user, every login succeeds. For loopback only."""

    def __init__(self, user_id: str = "admin", groups: tuple[str, ...] = ("admin", "camunda-admin")) -> None:
        self._caller = Authenticated(user_id, groups)

    def authenticate(self, authorization: str | None, address: str) -> Authenticated:  # noqa: ARG002
        return self._caller

    def log_in(self, user_id: str, password: str, address: str) -> TokenPair:  # noqa: ARG002
        return self._pair()

    def refresh(self, refresh_token: str) -> TokenPair:  # noqa: ARG002
        return self._pair()

    def _pair(self) -> TokenPair:
        return TokenPair(access_token="open-door", refresh_token="open-door", expires_in=3600)  # noqa: S106
