"""The JSON object a client sent, read field by field; whatever is wrong with it is a 400 that names the field."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from mlc_service.rest.camunda.dates import parse_moment
from mlc_service.rest.camunda.values import read_variables
from mlc_service.rest.errors import bad_request

_INT64 = 2**63


class Body:
    """Unknown properties are ignored, null is the same as missing, texts are converted as Camunda does."""

    def __init__(self, document: Any) -> None:
        if document is None:
            document = {}
        if not isinstance(document, dict):
            raise bad_request("The body must be a JSON object")
        self.document: Mapping[str, Any] = document

    def has(self, name: str) -> bool:
        """Whether the client sent the field at all, null included."""
        return name in self.document

    def text(self, name: str) -> str | None:
        """A text; numbers and booleans are taken as text."""
        return as_text(name, self.document.get(name))

    def required_text(self, name: str, message: str) -> str:
        """A text that is neither missing nor empty, else a 400 with `message`."""
        value = self.text(name)
        if not value:
            raise bad_request(message)
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        """True or false, also as text."""
        value = self.document.get(name)
        return default if value is None else as_flag(name, value)

    def integer(self, name: str) -> int | None:
        """A whole number, also as text."""
        value = self.document.get(name)
        return None if value is None else as_integer(name, value)

    def moment(self, name: str) -> datetime | None:
        """A date."""
        value = self.document.get(name)
        return None if value is None else as_moment(name, value)

    def texts(self, name: str) -> list[str] | None:
        """A list of texts."""
        value = self.document.get(name)
        return None if value is None else as_texts(name, value)

    def objects(self, name: str) -> list[dict[str, Any]]:
        """A list of objects, empty if missing."""
        value = self.document.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise bad_request(f"{name} must be a list of objects")
        return value

    def variables(self, name: str = "variables") -> dict[str, Any]:
        """A map of typed values as the engine's values, empty if missing."""
        return read_variables(self.document.get(name), name)


def as_text(name: str, value: Any) -> str | None:
    """The value as text, None stays None. Raises a 400."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    raise bad_request(f"{name} must be a text")


def as_flag(name: str, value: Any) -> bool:
    """The value as a boolean. Raises a 400."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise bad_request(f"{name} must be true or false")


def as_integer(name: str, value: Any) -> int:
    """The value as a whole number of 64 bits. Raises a 400."""
    number: int | None = None
    if isinstance(value, str):
        if len(value) <= 20 and value.isascii():
            try:
                number = int(value)
            except ValueError:
                number = None
    elif isinstance(value, float) and value.is_integer():
        number = int(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        number = value
    if number is None or not -_INT64 <= number < _INT64:
        raise bad_request(f"{name} must be a whole number")
    return number


def as_moment(name: str, value: Any) -> datetime:
    """The value as a date. Raises a 400."""
    try:
        return parse_moment(value if isinstance(value, str) else str(value))
    except ValueError as error:
        raise bad_request(f"{name}: {error}") from error


def as_texts(name: str, value: Any) -> list[str]:
    """The value as a list of texts; a single text is a list divided by commas. Raises a 400."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, list):
        raise bad_request(f"{name} must be a list of texts")
    return [text for text in (as_text(name, item) for item in value) if text is not None]
