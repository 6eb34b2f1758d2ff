"""Variables on the wire: `{"value", "type", "valueInfo"}` to and from the engine's values (camunda7.md §4.2)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from mlc_service.engine.values import TypedValue, type_of
from mlc_service.rest.camunda.dates import format_moment, parse_moment
from mlc_service.rest.errors import bad_request
from mlc_service.rest.json_body import dump_json

_JSON = "application/json"
_RANGES = {"Short": 2**15, "Integer": 2**31, "Long": 2**63}
_LIST_CLASS = "java.util.ArrayList"
_MAP_CLASS = "java.util.LinkedHashMap"
# How deep a value may be, so that wrapped and stored it still fits what the JSON writer can write.
_WRITER_ROOM = 50


def read_variables(document: Any, what: str = "variables") -> dict[str, Any]:
    """The engine's values of a `{name: typed value}` map; None is an empty map. Raises a 400."""
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise bad_request(f"{what} must be an object of typed values")
    return {name: read_value(name, typed) for name, typed in document.items()}


def read_value(name: str, document: Any) -> Any:
    """The engine's value of one typed value. Raises a 400."""
    if document is None:
        return None
    if not isinstance(document, dict):
        raise bad_request(f"The value of variable '{name}' must be an object with value, type and valueInfo")
    if not name:
        raise bad_request("A variable needs a name")
    value, info = document.get("value"), document.get("valueInfo") or {}
    kind = document.get("type")
    if not isinstance(info, dict):
        raise bad_request(f"valueInfo of variable '{name}' must be an object")
    if kind is None or kind == "":
        return _inferred(name, value)
    reader = _READERS.get(_capitalised(kind)) if isinstance(kind, str) else None
    if reader is None:
        raise bad_request(f"Unsupported value type '{kind}'")
    try:
        return reader(_capitalised(kind), value, info)
    except _Unfit as unfit:
        raise bad_request(f"Cannot set variable '{name}': {unfit}") from unfit


def write_variables(values: Mapping[str, Any], *, deserialize: bool = True) -> dict[str, dict[str, Any]]:
    """The typed values of a map of variables."""
    return {name: write_value(value, deserialize=deserialize) for name, value in values.items()}


def write_value(value: Any, *, deserialize: bool = True) -> dict[str, Any]:
    """The typed value of one variable; `deserialize` false gives objects as the text they were sent as."""
    kind = type_of(value)
    info: Mapping[str, Any] = value.info if isinstance(value, TypedValue) else {}
    inner = value.value if isinstance(value, TypedValue) else value
    if kind == "Object":
        info = _object_info(inner, info)
        is_json = info.get("serializationDataFormat") == _JSON
        if deserialize and is_json and isinstance(inner, str):
            inner = _parsed(inner)
        elif not deserialize and isinstance(inner, list | dict):
            inner = dump_json(inner).decode()
    elif kind == "Json" and deserialize and isinstance(inner, str):
        inner = _parsed(inner)
    elif kind == "Date" and isinstance(inner, str):
        inner = _wire_date(inner)
    elif kind == "File":
        # contents are fetched from `…/{variable}/data`
        inner = None
    return {"type": kind, "value": inner, "valueInfo": dict(info)}


def binary_content(value: Any) -> tuple[bytes, str, str | None] | None:
    """Bytes, media type and file name of a File or Bytes variable; None for any other."""
    if not isinstance(value, TypedValue) or value.type not in ("File", "Bytes"):
        return None
    content = base64.b64decode(value.value) if value.value else b""
    media_type = value.info.get("mimeType") or "application/octet-stream"
    if value.info.get("encoding"):
        media_type = f"{media_type}; charset={value.info['encoding']}"
    return content, media_type, value.info.get("filename")


class _Unfit(ValueError):
    """The value does not fit its type."""


def _capitalised(kind: str) -> str:
    # the official JavaScript client says `integer`, all others `Integer`
    return kind[:1].upper() + kind[1:]


def _inferred(name: str, value: Any) -> Any:
    try:
        return _whole_number(value, 2**63) if isinstance(value, int) and not isinstance(value, bool) else value
    except _Unfit as unfit:
        raise bad_request(f"Cannot set variable '{name}': {unfit}") from unfit


def _whole_number(value: int, bound: int) -> int:
    if not -bound <= value < bound:
        raise _Unfit(f"{value} is out of range")
    return value


def _unfit(kind: str, value: Any) -> _Unfit:
    shown = repr(value) if len(repr(value)) <= 80 else repr(value)[:77] + "…"
    return _Unfit(f"Cannot convert value {shown} to type {kind}")


def _read_null(kind: str, value: Any, _: Mapping[str, Any]) -> None:
    if value is not None:
        raise _unfit(kind, value)


def _read_boolean(kind: str, value: Any, _: Mapping[str, Any]) -> Any:
    if value is None:
        return TypedValue(kind, None)
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise _unfit(kind, value)


def _read_whole(kind: str, value: Any, _: Mapping[str, Any]) -> Any:
    if value is None:
        return TypedValue(kind, None)
    if isinstance(value, str):
        try:
            value = int(value) if len(value) <= 20 and value.isascii() else None
        except ValueError:
            value = None
        if value is None:
            raise _Unfit(f"Cannot convert the text to type {kind}")
    elif isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _unfit(kind, value)
    number = _whole_number(value, _RANGES[kind])
    return number if type_of(number) == kind else TypedValue(kind, number)


def _read_double(kind: str, value: Any, _: Mapping[str, Any]) -> Any:
    if value is None:
        return TypedValue(kind, None)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _unfit(kind, value)
    try:
        number = float(value)
    except (ValueError, OverflowError) as error:
        raise _unfit(kind, value) from error
    if number != number or number in (float("inf"), float("-inf")):
        raise _unfit(kind, value)
    return number


def _read_number(kind: str, value: Any, info: Mapping[str, Any]) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return _whole_number(value, _RANGES["Long"])
    return _read_double(kind, value, info)


def _read_date(kind: str, value: Any, _: Mapping[str, Any]) -> Any:
    if value is None:
        return TypedValue(kind, None)
    if not isinstance(value, str):
        raise _unfit(kind, value)
    try:
        return TypedValue(kind, format_moment(parse_moment(value)))
    except ValueError as error:
        raise _Unfit(str(error)) from error


def _read_string(kind: str, value: Any, _: Mapping[str, Any]) -> Any:
    if value is None:
        return TypedValue(kind, None)
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    raise _unfit(kind, value)


def _serialized_text(kind: str, value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise _Unfit(f"Must provide 'null' or String value for value of SerializableValue type '{kind}'.")
    return value


def _read_object(kind: str, value: Any, info: Mapping[str, Any]) -> Any:
    text = _serialized_text(kind, value)
    if not isinstance(info.get("objectTypeName"), str):
        raise _Unfit("An Object needs valueInfo.objectTypeName")
    data_format = info.get("serializationDataFormat")
    if not isinstance(data_format, str):
        raise _Unfit("An Object needs valueInfo.serializationDataFormat")
    if data_format != _JSON:
        # opaque to us: kept and given back as it came
        return TypedValue(kind, text, _kept(info))
    if text is None:
        return TypedValue(kind, None, _kept(info))
    inner = _json(kind, text)
    if isinstance(inner, list | dict) and _kept(info) == _object_info(inner, {}):
        # what a plain list or dict would be shown as anyway is one
        return inner
    return TypedValue(kind, text, _kept(info))


def _read_json(kind: str, value: Any, info: Mapping[str, Any]) -> Any:
    text = _serialized_text(kind, value)
    if text is not None:
        _json(kind, text)
    return TypedValue(kind, text, _kept(info))


def _read_xml(kind: str, value: Any, info: Mapping[str, Any]) -> Any:
    return TypedValue(kind, _serialized_text(kind, value), _kept(info))


def _read_bytes(kind: str, value: Any, info: Mapping[str, Any]) -> Any:
    if value is not None and not isinstance(value, str):
        raise _unfit(kind, value)
    try:
        base64.b64decode(value or "", validate=True)
    except (binascii.Error, ValueError) as error:
        raise _Unfit(f"The value of type {kind} must be Base64: {error}") from error
    return TypedValue(kind, value, _kept(info))


def _read_file(kind: str, value: Any, info: Mapping[str, Any]) -> Any:
    if not isinstance(info.get("filename"), str):
        raise _Unfit("A File needs valueInfo.filename")
    return _read_bytes(kind, value, info)


def _json(kind: str, text: str) -> Any:
    try:
        value = orjson.loads(text)
    except (orjson.JSONDecodeError, UnicodeEncodeError) as error:
        raise _Unfit(f"The value of type {kind} is not JSON: {error}") from error
    if not _is_writable(value):
        raise _Unfit("The value is nested too deeply")
    if "\\u0000" in text and b"\\u0000" in orjson.dumps(value):
        raise _Unfit("The NUL character (\\u0000) is not allowed")
    return value


def _is_writable(value: Any) -> bool:
    wrapped = value
    for _ in range(_WRITER_ROOM):
        wrapped = [wrapped]
    try:
        orjson.dumps(wrapped)
    except TypeError:
        return False
    return True


def _parsed(text: str) -> Any:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return value if _is_writable(value) else text


def _kept(info: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in info.items() if name != "transient"}


def _object_info(inner: Any, info: Mapping[str, Any]) -> Mapping[str, Any]:
    if "objectTypeName" in info:
        return info
    java_class = _LIST_CLASS if isinstance(inner, list) else _MAP_CLASS
    return {"objectTypeName": java_class, "serializationDataFormat": _JSON, **info}


def _wire_date(text: str) -> str | None:
    try:
        return format_moment(parse_moment(text))
    except ValueError:
        return text


_READERS: dict[str, Callable[[str, Any, Mapping[str, Any]], Any]] = {
    "Null": _read_null,
    "Boolean": _read_boolean,
    "Short": _read_whole,
    "Integer": _read_whole,
    "Long": _read_whole,
    "Double": _read_double,
    "Number": _read_number,
    "Date": _read_date,
    "String": _read_string,
    "Object": _read_object,
    "Json": _read_json,
    "Xml": _read_xml,
    "Bytes": _read_bytes,
    "File": _read_file,
}
