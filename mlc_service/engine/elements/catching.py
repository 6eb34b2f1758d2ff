"""Who catches errors and escalations: boundary events and the starts of event sub-processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from ..tokens import Token
    from .node import Node


class Catching(Protocol):
    """An event that something thrown can make fire."""

    def catch(self, host: Token, variables: Mapping[str, Any]) -> None:
        """The event has fired at its host, or in its scope; the variables are written from there."""


@dataclass(frozen=True, slots=True)
class Catcher:
    """An event that catches an error or an escalation; `code` None catches every one of its kind.

    `variables` get what was caught (`camunda:errorCodeVariable` and its like). `inside` is the event sub-process that
    it starts: what is thrown in there is not caught by itself.
    """

    kind: str
    code: str | None
    event: Catching
    code_variable: str | None = None
    message_variable: str | None = None
    inside: Node | None = None

    def catches(self, kind: str, code: str) -> bool:
        """Whether the code is the one it waits for, or it waits for any."""
        return self.kind == kind and (self.code is None or self.code == code)
