"""`camunda:in` and `camunda:out`: which variables go over to somebody else, and under which names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..values import as_variable
from ..variables import find, visible
from .values import ExpressionSource

if TYPE_CHECKING:
    from ..tokens import Token


@dataclass(frozen=True, slots=True)
class Mapping:
    """One `camunda:in` or `camunda:out`: all variables (`target` None), a variable, or the value of an expression.

    `is_local` leaves out what enclosing scopes hold.
    """

    target: str | None
    variable: str | None = None
    expression: ExpressionSource | None = None
    is_local: bool = False

    def add(self, token: Token, values: dict[str, Any]) -> None:
        """The values have what this one takes from the token's scope. A missing variable is null, as in Camunda."""
        if self.target is None:
            values.update(token.data if self.is_local else visible(token))
        elif self.variable is not None:
            found = token.data.get(self.variable) if self.is_local else _value(token, self.variable)
            values[self.target] = found
        elif self.expression is not None:
            source = self.expression
            values[self.target] = as_variable(source.local_value(token) if self.is_local else source.value(token))


def _value(token: Token, name: str) -> Any:
    found = find(token, name)
    return None if found is None else found[1]


class Mapped:
    """Several mappings, in the order of the file."""

    __slots__ = ("mappings",)

    def __init__(self, mappings: Sequence[Mapping] = ()) -> None:
        self.mappings = mappings

    def of(self, token: Token) -> dict[str, Any]:
        """The variables that go over, typed as stored."""
        values: dict[str, Any] = {}
        for mapping in self.mappings:
            mapping.add(token, values)
        return values
