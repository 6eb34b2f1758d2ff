"""The envelope around every document, and the one way to read, write and change one.

Documents are JSON objects with ModelOp's names (modelop.md section 3). All documents of a kind share a table; what is
inside is up to the module that owns the kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from mlc_service.delegate_api import JsonObject
from mlc_service.lifecycle.errors import InvalidDocument


class Kind(StrEnum):
    """What kinds of documents there are; the value is the name in the store, `plural` the one in the API."""

    STORED_MODEL = "storedModel"
    DEPLOYABLE_MODEL = "deployableModel"
    DEPLOYED_MODEL = "deployedModel"
    ENGINE = "engine"
    JOB = "job"
    MODEL_TEST_RESULT = "modelTestResult"
    NOTIFICATION = "notification"

    @property
    def plural(self) -> str:
        return f"{self.value}s"


ENVELOPE = frozenset(
    {"id", "group", "version", "createdDate", "lastModifiedDate", "createdBy", "lastModifiedBy", "_links"}
)
_KEYS = uuid5(NAMESPACE_URL, "https://mlc-service/idempotency-keys")


def id_from_key(key: str) -> str:
    """The id that everything done under an idempotency key gets: doing it again finds it."""
    return str(uuid5(_KEYS, key))


def iso(moment: datetime) -> str:
    """ISO-8601 in UTC with milliseconds and Z, as ModelOp writes dates; sorts as text."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def epoch_milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def checked_id(value: object) -> str:
    """The id in its usual spelling. Raises InvalidDocument unless it is a UUID."""
    try:
        return str(UUID(str(value)))
    except ValueError:
        raise InvalidDocument("id", f"'{value}' is not a UUID") from None


def merged(document: JsonObject, patch: Mapping[str, Any]) -> JsonObject:
    """The document after a JSON merge patch (RFC 7396): null removes, objects merge, everything else replaces."""
    result = dict(document)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping):
            below = result.get(name)
            result[name] = merged(below if isinstance(below, dict) else {}, value)
        else:
            result[name] = deepcopy(value)
    return result


def without_nul(value: Any) -> Any:
    """A copy without NUL characters, which PostgreSQL's JSONB refuses; models print them now and then."""
    if isinstance(value, str):
        return value.replace("\0", "") if "\0" in value else value
    if isinstance(value, Mapping):
        return {without_nul(name): without_nul(one) for name, one in value.items()}
    return [without_nul(one) for one in value] if isinstance(value, (list, tuple)) else value


# --- checked reading of what people hand in ---------------------------------------------------------------------


def object_at(body: Mapping[str, Any], name: str, path: str = "") -> JsonObject:
    """The object under that name, {} if there is none. Raises InvalidDocument if it is something else."""
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidDocument(_join(path, name), f"must be an object, is {_json_type(value)}")
    return value


def objects_at(body: Mapping[str, Any], name: str, path: str = "") -> list[JsonObject]:
    """The list of objects under that name, [] if there is none. Raises InvalidDocument if it is something else."""
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise InvalidDocument(_join(path, name), f"must be a list, is {_json_type(value)}")
    for number, one in enumerate(value):
        if not isinstance(one, dict):
            raise InvalidDocument(f"{_join(path, name)}[{number}]", f"must be an object, is {_json_type(one)}")
    return value


def texts_at(body: Mapping[str, Any], name: str, path: str = "") -> list[str]:
    """The list of texts under that name, [] if there is none. Raises InvalidDocument if it is something else."""
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise InvalidDocument(_join(path, name), "must be a list of texts")
    return value


def text_at(body: Mapping[str, Any], name: str, path: str = "", required: bool = False) -> str:
    """The text under that name, "" if there is none. Raises InvalidDocument if it is something else or needed."""
    value = body.get(name)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or (required and not value.strip()):
        raise InvalidDocument(_join(path, name), "must be a text" + (" that is not empty" if required else ""))
    return value


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _json_type(value: object) -> str:
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a text", list: "a list", dict: "an object"}
    return names.get(type(value), type(value).__name__)
