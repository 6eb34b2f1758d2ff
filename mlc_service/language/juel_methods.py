"""The Java methods and properties that expressions may use, looked up by the kind of value.

A fixed table per kind, and nothing else: no attribute of a Python object is ever looked up by a name an author wrote.
Host objects (`execution`, `task`) declare what they offer in a class attribute `__juel__`, a mapping from the name an
author writes to the attribute behind it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from difflib import get_close_matches
from typing import Any

from mlc_service.language import juel_moments as moments
from mlc_service.language import juel_spin as spin
from mlc_service.language.juel_collections import (
    ENTRY_METHODS,
    ITERATOR_METHODS,
    LIST_METHODS,
    MAP_METHODS,
    Entry,
    Steps,
    java_equals,
)
from mlc_service.language.juel_strings import STRING_METHODS
from mlc_service.language.juel_values import (
    CannotCoerce,
    HostValue,
    java_class,
    to_boolean,
    to_double,
    to_long,
    to_text,
)
from mlc_service.language.juel_xml import XmlAttribute, XmlElement, XPathQuery
from mlc_service.language.patterns import BadPattern

Method = Callable[..., Any]


class NoSuchProperty(LookupError):
    """The value has no property of that name."""


class NoSuchMethod(LookupError):
    """The value has no method of that name, or not with so many arguments."""


def _compared(left: Any, right: Any) -> int:
    return int(left > right) - int(left < right)


NUMBER_METHODS: dict[str, Method] = {
    "intValue": to_long,
    "longValue": to_long,
    "shortValue": to_long,
    "doubleValue": to_double,
    "floatValue": to_double,
    "isNaN": lambda number: math.isnan(number),
    "isInfinite": lambda number: math.isinf(number),
    "equals": java_equals,
    "compareTo": lambda number, other: _compared(number, to_double(other) if type(number) is float else to_long(other)),
    "toString": to_text,
}
BOOLEAN_METHODS: dict[str, Method] = {
    "booleanValue": lambda truth: truth,
    "equals": java_equals,
    "compareTo": lambda truth, other: _compared(truth, to_boolean(other)),
    "toString": to_text,
}


def _spin_of(attribute: str) -> Method:
    def method(value: Any, *arguments: Any) -> Any:
        return getattr(spin.JsonNode(value), attribute)(*arguments)

    return method


def _with_spin(methods: Mapping[str, Method]) -> dict[str, Method]:
    return {**{name: _spin_of(attribute) for name, attribute in spin.PLAIN_METHODS.items()}, **methods}


# plain data: looked up by exact type first
_TABLES: dict[type, Mapping[str, Method]] = {
    str: _with_spin(STRING_METHODS),
    bool: _with_spin(BOOLEAN_METHODS),
    int: _with_spin(NUMBER_METHODS),
    float: _with_spin(NUMBER_METHODS),
    list: _with_spin(LIST_METHODS),
    tuple: _with_spin(LIST_METHODS),
    dict: _with_spin(MAP_METHODS),
    datetime: {**moments.MOMENT_METHODS, **moments.NOW_METHODS},
    date: moments.DAY_METHODS,
    time: moments.TIME_METHODS,
}
# values of ours: the name an author writes -> the attribute behind it
HOST_VALUES: dict[type[HostValue], Mapping[str, str]] = {
    spin.JsonNode: spin.JSON_METHODS,
    spin.JsonPathQuery: spin.JSON_PATH_METHODS,
    XmlElement: spin.XML_METHODS,
    XmlAttribute: spin.ATTRIBUTE_METHODS,
    XPathQuery: spin.XPATH_METHODS,
    Entry: ENTRY_METHODS,
    Steps: ITERATOR_METHODS,
}
_PROPERTIES: dict[type, Mapping[str, Callable[[Any], Any]]] = {
    str: {"empty": lambda text: not text, "blank": lambda text: not text.strip()},
    datetime: moments.MOMENT_PROPERTIES,
    date: moments.DAY_PROPERTIES,
    time: moments.TIME_PROPERTIES,
    Entry: {"key": lambda entry: entry.key(), "value": lambda entry: entry.value()},
}
_WRITERS = frozenset(
    {"put", "putAll", "putIfAbsent", "add", "addAll", "remove", "removeAll", "clear", "set", "sort",
     "append", "deleteProp",
     "insertAt", "insertBefore", "insertAfter", "removeAt", "removeLast", "appendAll", "removeChild", "setProperty"}
)  # fmt: skip


def handed_on(value: Any) -> Any:
    """The value as it leaves the expression: Spin nodes, entries and iterators as the plain data they stand for."""
    if isinstance(value, HostValue):
        return handed_on(value.plain())
    if isinstance(value, time):
        return to_text(value)
    if isinstance(value, list) and any(isinstance(item, HostValue) for item in value):
        return [handed_on(item) for item in value]
    return value


def _kind(value: Any, tables: Mapping[type, Any]) -> Any:
    found = tables.get(type(value))
    if found is None:
        found = next((table for kind, table in tables.items() if isinstance(value, kind)), {})
    return found


def _declared(value: Any) -> Mapping[str, str] | None:
    """What a host object's class offers; never the object's own say, which an author might have filled."""
    found = type(value).__dict__.get("__juel__") or getattr(type(value), "__juel__", None)
    return found if isinstance(found, Mapping) else None


def _place(key: Any) -> int:
    if isinstance(key, bool):
        raise CannotCoerce("a list is indexed by a number, not by true or false")
    if isinstance(key, str):
        try:
            return to_long(key or "x")
        except CannotCoerce:
            raise CannotCoerce(f'For input string: "{key[:60]}" (a list is indexed by a number)') from None
    return to_long(key)


def read_property(base: Any, key: Any) -> Any:
    """`base.key` and `base[key]`: a map's entry or a list's element (null if there is none), or a property."""
    if isinstance(base, dict):
        return base.get(key if isinstance(key, str) else to_text(key))
    if key is None:
        return None
    if isinstance(base, list | tuple):
        place = _place(key)
        return base[place] if 0 <= place < len(base) else None
    name = to_text(key)
    properties = _kind(base, _PROPERTIES)
    if name in properties:
        return properties[name](base)
    offered = _declared(base)
    if offered is not None:
        return _host_property(base, offered, name)
    near = _near(name, properties)
    if name in _kind(base, _TABLES) or name in HOST_VALUES.get(type(base), {}):
        near = f"; did you mean the method {name}()?"
    raise NoSuchProperty(f"The class '{java_class(base)}' does not have the property '{name}'{near}")


def _host_property(base: Any, offered: Mapping[str, str], name: str) -> Any:
    if name in offered:
        value = getattr(base, offered[name])
        if not callable(value):
            return value
    # a bean's property: `currentActivityId` is getCurrentActivityId()
    for prefix in ("get", "is"):
        getter = offered.get(f"{prefix}{name[:1].upper()}{name[1:]}")
        if getter is not None:
            value = getattr(base, getter)
            return _call(value, (), name, base) if callable(value) else value
    raise NoSuchProperty(
        f"The class '{java_class(base)}' does not have the property '{name}'{_near(name, _properties_of(offered))}"
    )


def _properties_of(offered: Mapping[str, str]) -> list[str]:
    return [name[3].lower() + name[4:] if name.startswith("get") and len(name) > 3 else name for name in offered]


def call_method(base: Any, name: str, arguments: tuple[Any, ...]) -> Any:
    """`base.name(arguments)`, from the tables above or from what a host object declares."""
    table = _TABLES.get(type(base))
    if table is not None:
        method = table.get(name)
        if method is not None:
            return _call(method, (base, *arguments), name, base)
        return _getter(base, name, arguments, table)
    attributes = HOST_VALUES.get(type(base))
    if attributes is not None:
        if name in attributes:
            return _call(getattr(base, attributes[name]), arguments, name, base)
        raise _not_found(base, name, arguments, attributes)
    offered = _declared(base)
    if offered is not None:
        return _call_host(base, offered, name, arguments)
    table = _kind(base, _TABLES)
    if name not in table:
        raise _not_found(base, name, arguments, table)
    return _call(table[name], (base, *arguments), name, base)


def _getter(base: Any, name: str, arguments: tuple[Any, ...], table: Mapping[str, Method]) -> Any:
    """A bean's getter on an object: getStoredModel() is its `storedModel`, null if it is not there, as in JSON."""
    if isinstance(base, dict) and not arguments and name != "getClass":
        if name.startswith("get") and len(name) > 3:
            return base.get(name[3].lower() + name[4:])
        key = name[2:3].lower() + name[3:]
        if name.startswith("is") and key in base:
            return base[key]
    raise _not_found(base, name, arguments, table)


def _call_host(base: Any, offered: Mapping[str, str], name: str, arguments: tuple[Any, ...]) -> Any:
    if name in offered:
        method = getattr(base, offered[name])
        if callable(method):
            return _call(method, tuple([handed_on(argument) for argument in arguments]), name, base)
    # a bean's getter: getBusinessKey() is the property businessKey
    if not arguments:
        stem = name[3:] if name.startswith("get") else name[2:] if name.startswith("is") else ""
        attribute = offered.get(stem[:1].lower() + stem[1:])
        if attribute is not None:
            value = getattr(base, attribute)
            if not callable(value):
                return value
    raise _not_found(base, name, arguments, offered)


def _not_found(base: Any, name: str, arguments: tuple[Any, ...], known: Mapping[str, Any]) -> NoSuchMethod:
    given = ", ".join("null" if argument is None else java_class(argument) for argument in arguments)
    why = "; an expression only reads" if name in _WRITERS and name not in known else _near(name, known)
    return NoSuchMethod(f"Method not found: class {java_class(base)}.{name}({given}){why}")


def _near(name: str, known: Any) -> str:
    near = get_close_matches(name, [one for one in known if one != name], 1, 0.75)
    return f"; did you mean '{near[0]}'?" if near else ""


def _call(method: Method, arguments: tuple[Any, ...], name: str, owner: Any) -> Any:
    try:
        return method(*arguments)
    except TypeError as error:
        # the traceback's depth tells a wrong number of arguments from a failure further in
        if error.__traceback__ is not None and error.__traceback__.tb_next is None:
            raise NoSuchMethod(f"Method not found: class {java_class(owner)}.{name} with these arguments") from None
        raise CannotCoerce(f"{name}: {error}") from None
    except CannotCoerce:
        raise
    except (BadPattern, OverflowError, ValueError) as error:
        raise CannotCoerce(f"{name}: {error}") from None
