"""The functions an expression may call: Camunda's own and Spin's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mlc_service.language.juel_spin import json_node, spin, xml_element
from mlc_service.language.juel_values import CannotCoerce

Names = Mapping[str, Any]

NOW = "__now__"
USER = "authenticatedUserId"
GROUPS = "authenticatedUserGroups"


def _needed(names: Names, key: str, function: str) -> Any:
    try:
        return names[key]
    except KeyError:
        raise CannotCoerce(f"{function}() is not available here") from None


# name -> (number of arguments, function of the names and the arguments, what it gives)
FUNCTIONS: dict[str, tuple[int, Callable[..., Any], str]] = {
    "currentUser": (0, lambda names: names.get(USER), "the id of the user who acts, or null"),
    "currentUserGroups": (0, lambda names: list(names.get(GROUPS) or ()), "the ids of that user's groups"),
    "now": (0, lambda names: _needed(names, NOW, "now"), "this moment"),
    "dateTime": (0, lambda names: _needed(names, NOW, "dateTime"), "this moment, to calculate with"),
    "S": (1, lambda _, source: spin(source), "a Spin node of a JSON or XML text"),
    "JSON": (1, lambda _, source: json_node(source), "a Spin node of a JSON text"),
    "XML": (1, lambda _, source: xml_element(source), "a Spin element of an XML text"),
}
