"""Turns what a model hands back into JSON, and says which key does not fit."""

from __future__ import annotations

import datetime
import decimal
import math
from typing import Any


class NotEncodable(ValueError):
    """A value JSON has no word for; `path` is the key path to it, "" for the value itself."""

    def __init__(self, path: str, what: str) -> None:
        self.path = path
        self.what = what
        super().__init__(f"{path or 'the value'} is {what}")


def plain(value: Any, nulled: list[str] | None = None, path: str = "") -> Any:
    """The same value in JSON's types: numpy and pandas unpacked, tuples as lists, dates in ISO form, keys as text.

    NaN and Infinity raise NotEncodable, or become None with a line in `nulled` when that list is given.
    """
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return _finite(float(value), nulled, path)
    if isinstance(value, dict):
        return {_key(key): plain(each, nulled, _below(path, _key(key))) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each, nulled, f"{path}[{index}]") for index, each in enumerate(value)]
    if isinstance(value, decimal.Decimal):
        return _finite(float(value), nulled, path)
    if type(value).__name__ in ("NAType", "NaTType"):
        return _finite(math.nan, nulled, path)
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    return _unpacked(value, nulled, path)


def _unpacked(value: Any, nulled: list[str] | None, path: str) -> Any:
    module, name = type(value).__module__.partition(".")[0], type(value).__name__
    if module == "pandas" and name == "DataFrame":
        return plain(value.to_dict(orient="records"), nulled, path)
    if module == "pandas" and name == "Series":
        return plain(value.to_dict(), nulled, path)
    if module in ("numpy", "pandas") and hasattr(value, "tolist"):
        return plain(value.tolist(), nulled, path)
    raise NotEncodable(path, f"of type {module}.{name}, which JSON has no form for")


def _finite(value: float, nulled: list[str] | None, path: str) -> float | None:
    if math.isfinite(value):
        return value
    what = "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if nulled is None:
        raise NotEncodable(path, what)
    nulled.append(f"{path or 'the value'} is {what}")
    return None


def _key(key: Any) -> str:
    if isinstance(key, str):
        return key
    unpacked = key.item() if hasattr(key, "item") else key
    if isinstance(unpacked, bool):
        return "true" if unpacked else "false"
    return "null" if unpacked is None else str(unpacked)


def _below(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
