"""The Java methods and properties that expressions may use on plain values.

A fixed table per kind of value, and nothing else: no attribute of a Python object is ever looked up by a name an
author wrote. Host objects (`execution`, `task`) declare what they offer in a class attribute `__juel__`, a mapping
from the name an author writes to the attribute behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from mlc_service.language import patterns
from mlc_service.language.juel_moments import MOMENT_METHODS, MOMENT_PROPERTIES
from mlc_service.language.juel_values import (
    MAX_TEXT,
    CannotCoerce,
    is_empty,
    java_class,
    to_boolean,
    to_double,
    to_long,
    to_text,
)

Method = Callable[..., Any]


class NoSuchProperty(LookupError):
    """The value has no property of that name."""


class NoSuchMethod(LookupError):
    """The value has no method of that name, or not with so many arguments."""


def bounded(text: str) -> str:
    """The text, if it is not beyond the limit."""
    if len(text) > MAX_TEXT:
        raise CannotCoerce(f"the text is longer than {MAX_TEXT} characters")
    return text


def java_equals(left: Any, right: Any) -> bool:
    """`equals`: no coercion between kinds, but any two equal numbers are equal.

    Java holds 1 and 1L apart, which JSON cannot, and which authors only ever meet as a trap.
    """
    if isinstance(left, bool) is not isinstance(right, bool):
        return False
    return bool(left == right)


def _substring(text: str, start: Any, end: Any = None) -> str:
    first, last = to_long(start), len(text) if end is None else to_long(end)
    if not 0 <= first <= last <= len(text):
        raise CannotCoerce(f"begin {first}, end {last}, length {len(text)}")
    return text[first:last]


def _replace(text: str, old: Any, new: Any) -> str:
    sought, put = to_text(old), to_text(new)
    if len(text) + (text.count(sought) * len(put)) > MAX_TEXT:
        raise CannotCoerce(f"the text is longer than {MAX_TEXT} characters")
    return text.replace(sought, put)


def _replace_pattern(text: str, pattern: Any, new: Any) -> str:
    return bounded(patterns.replace(to_text(pattern), to_text(new), text, every=True))


def _replace_first(text: str, pattern: Any, new: Any) -> str:
    return bounded(patterns.replace(to_text(pattern), to_text(new), text, every=False))


def _repeat(text: str, count: Any) -> str:
    times = to_long(count)
    if times < 0 or len(text) * times > MAX_TEXT:
        raise CannotCoerce(f"count {times} is out of range")
    return text * times


def _char_at(text: str, index: Any) -> str:
    return _substring(text, to_long(index), to_long(index) + 1)


def _compare(left: Any, right: Any) -> int:
    return int(left > right) - int(left < right)


def _element(items: list[Any], index: Any) -> Any:
    place = to_long(index)
    if not 0 <= place < len(items):
        raise CannotCoerce(f"Index {place} out of bounds for length {len(items)}")
    return items[place]


def _index_of(items: list[Any], sought: Any) -> int:
    return next((place for place, item in enumerate(items) if java_equals(item, sought)), -1)


def _prop(node: Mapping[str, Any], name: Any) -> Any:
    if name not in node:
        raise NoSuchProperty(f"Unable to find '{to_text(name)}'")
    return node[name]


_STRING: dict[str, Method] = {
    "equals": java_equals,
    "equalsIgnoreCase": lambda s, o: isinstance(o, str) and s.lower() == o.lower(),
    "contains": lambda s, o: to_text(o) in s,
    "startsWith": lambda s, o: s.startswith(to_text(o)),
    "endsWith": lambda s, o: s.endswith(to_text(o)),
    "length": lambda s: len(s),
    "isEmpty": lambda s: not s,
    "isBlank": lambda s: not s.strip(),
    "toLowerCase": lambda s: s.lower(),
    "toUpperCase": lambda s: s.upper(),
    "trim": lambda s: s.strip(),
    "strip": lambda s: s.strip(),
    "substring": _substring,
    "indexOf": lambda s, o, start=0: s.find(to_text(o), max(0, to_long(start))),
    "lastIndexOf": lambda s, o: s.rfind(to_text(o)),
    "charAt": _char_at,
    "split": lambda s, pattern: patterns.split(to_text(pattern), s),
    "replace": _replace,
    "replaceAll": _replace_pattern,
    "replaceFirst": _replace_first,
    "matches": lambda s, pattern: patterns.matches(to_text(pattern), s),
    "concat": lambda s, o: bounded(s + to_text(o)),
    "repeat": _repeat,
    "compareTo": lambda s, o: _compare(s, to_text(o)),
    "compareToIgnoreCase": lambda s, o: _compare(s.lower(), to_text(o).lower()),
    "toString": lambda s: s,
    "stringValue": lambda s: s,
    "value": lambda s: s,
}

_LIST: dict[str, Method] = {
    "size": lambda items: len(items),
    "isEmpty": lambda items: not items,
    "get": _element,
    "contains": lambda items, sought: _index_of(items, sought) >= 0,
    "containsAll": lambda items, sought: all(_index_of(items, one) >= 0 for one in sought),
    "indexOf": _index_of,
    "equals": java_equals,
    "toString": to_text,
    "elements": lambda items: items,
    "value": lambda items: items,
}

_MAP: dict[str, Method] = {
    "get": lambda m, key: m.get(key) if isinstance(key, str) else None,
    "getOrDefault": lambda m, key, default: m.get(key, default) if isinstance(key, str) else default,
    "containsKey": lambda m, key: isinstance(key, str) and key in m,
    "containsValue": lambda m, sought: _index_of(list(m.values()), sought) >= 0,
    "size": lambda m: len(m),
    "isEmpty": lambda m: not m,
    "keySet": lambda m: list(m),
    "values": lambda m: list(m.values()),
    "equals": java_equals,
    "toString": to_text,
    "prop": _prop,
    "hasProp": lambda m, name: name in m,
    "value": lambda m: m,
}

_NUMBER: dict[str, Method] = {
    "toString": to_text,
    "equals": java_equals,
    "intValue": to_long,
    "longValue": to_long,
    "doubleValue": to_double,
    "floatValue": to_double,
    "compareTo": lambda n, o: _compare(n, to_double(o) if isinstance(n, float) else to_long(o)),
    "numberValue": lambda n: n,
    "value": lambda n: n,
}

_BOOLEAN: dict[str, Method] = {
    "toString": to_text,
    "equals": java_equals,
    "booleanValue": lambda b: b,
    "boolValue": lambda b: b,
    "compareTo": lambda b, o: _compare(b, to_boolean(o)),
    "value": lambda b: b,
}


def _methods_of(value: Any) -> Mapping[str, Method]:
    if isinstance(value, str):
        return _STRING
    if isinstance(value, bool):
        return _BOOLEAN
    if isinstance(value, int | float):
        return _NUMBER
    if isinstance(value, list | tuple):
        return _LIST
    if isinstance(value, dict):
        return _MAP
    if isinstance(value, datetime):
        return MOMENT_METHODS
    return {}


def _declared(value: Any) -> Mapping[str, str] | None:
    """What a host object's class offers; never the object's own say, which an author might have filled."""
    found = type(value).__dict__.get("__juel__") or getattr(type(value), "__juel__", None)
    return found if isinstance(found, Mapping) else None


def read_property(base: Any, key: Any) -> Any:
    """`base.key` and `base[key]`: a map's entry or a list's element (null if there is none), or a property."""
    if isinstance(base, dict):
        return base.get(key if isinstance(key, str) else to_text(key))
    if isinstance(base, list | tuple):
        place = to_long(key)
        return base[place] if 0 <= place < len(base) else None
    name = to_text(key)
    if isinstance(base, str) and name in ("empty", "blank"):
        return is_empty(base) if name == "empty" else not base.strip()
    if isinstance(base, datetime) and name in MOMENT_PROPERTIES:
        return MOMENT_PROPERTIES[name](base)
    offered = _declared(base)
    if offered is not None and name in offered:
        value = getattr(base, offered[name])
        if not callable(value):
            return value
    raise NoSuchProperty(f"Could not find property {name} in class {java_class(base)}")


def call_method(base: Any, name: str, arguments: tuple[Any, ...]) -> Any:
    """`base.name(arguments)`, from the tables above or from what a host object declares."""
    offered = _declared(base)
    if offered is not None:
        return _call_host(base, offered, name, arguments)
    method = _methods_of(base).get(name)
    if method is None:
        raise NoSuchMethod(f"Cannot find method {name} in class {java_class(base)}")
    return _call(method, (base, *arguments), name, java_class(base))


def _call_host(base: Any, offered: Mapping[str, str], name: str, arguments: tuple[Any, ...]) -> Any:
    if name in offered:
        method = getattr(base, offered[name])
        if callable(method):
            return _call(method, arguments, name, java_class(base))
    # a bean's getter: getBusinessKey() is the property businessKey
    if name.startswith("get") and len(name) > 3 and not arguments:
        attribute = offered.get(name[3].lower() + name[4:])
        if attribute is not None:
            value = getattr(base, attribute)
            if not callable(value):
                return value
    raise NoSuchMethod(f"Cannot find method {name} in class {java_class(base)}")


def _call(method: Method, arguments: tuple[Any, ...], name: str, owner: str) -> Any:
    try:
        return method(*arguments)
    except TypeError as error:
        # the traceback's depth tells a wrong number of arguments from a failure further in
        if error.__traceback__ is not None and error.__traceback__.tb_next is None:
            raise NoSuchMethod(f"Cannot find method {name} in class {owner} with these arguments") from None
        raise CannotCoerce(f"{name}: {error}") from None
    except (patterns.BadPattern, OverflowError, ValueError) as error:
        raise CannotCoerce(f"{name}: {error}") from None
