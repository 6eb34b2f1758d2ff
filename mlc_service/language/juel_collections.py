"""The methods of java.util.List and Map inside expressions, with their entries and iterators; reading only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mlc_service.language.juel_values import CannotCoerce, HostValue, to_long, to_text

_MAX_COMPARISONS = 5_000_000


def java_equals(value: Any, other: Any) -> bool:
    """`equals`: no coercion between kinds, but any two equal numbers are equal.

    Java holds 1 and 1L apart, which JSON cannot, and which authors only ever meet as a trap.
    """
    if isinstance(value, bool) is not isinstance(other, bool):
        return False
    return bool(value == other)


class Entry(HostValue):
    """A map's entry; it is handed on as an object with `key` and `value`."""

    __slots__ = ("_pair",)
    java_class = "java.util.Map.Entry"

    def __init__(self, key: str, value: Any) -> None:
        self._pair = (key, value)

    def key(self) -> str:
        return self._pair[0]

    def value(self) -> Any:
        return self._pair[1]

    def text(self) -> str:
        return f"{self._pair[0]}={'null' if self._pair[1] is None else to_text(self._pair[1])}"

    def plain(self) -> Any:
        return {"key": self._pair[0], "value": self._pair[1]}


class Steps(HostValue):
    """A java.util.Iterator over a list's elements."""

    __slots__ = ("_items", "_place")
    java_class = "java.util.Iterator"

    def __init__(self, items: Sequence[Any]) -> None:
        self._items = items
        self._place = 0

    def has_next(self) -> bool:
        return self._place < len(self._items)

    def next(self) -> Any:
        if not self.has_next():
            raise CannotCoerce("NoSuchElementException")
        self._place += 1
        return self._items[self._place - 1]

    def text(self) -> str:
        return self.java_class

    def plain(self) -> Any:
        return list(self._items[self._place :])


def _element(items: Sequence[Any], index: Any) -> Any:
    place = to_long(index)
    if not 0 <= place < len(items):
        raise CannotCoerce(f"Index {place} out of bounds for length {len(items)}")
    return items[place]


def _index_of(items: Sequence[Any], sought: Any) -> int:
    return next((place for place, item in enumerate(items) if java_equals(item, sought)), -1)


def _last_index_of(items: Sequence[Any], sought: Any) -> int:
    return next((place for place in range(len(items) - 1, -1, -1) if java_equals(items[place], sought)), -1)


def _contains_all(items: Sequence[Any], sought: Any) -> bool:
    if not isinstance(sought, list | tuple):
        raise CannotCoerce("a list is expected")
    if len(items) * len(sought) > _MAX_COMPARISONS:
        raise CannotCoerce("the lists are too long to compare each element with each")
    return all(_index_of(items, one) >= 0 for one in sought)


def _sub_list(items: Sequence[Any], begin: Any, end: Any) -> list[Any]:
    first, last = to_long(begin), to_long(end)
    if not 0 <= first <= last <= len(items):
        raise CannotCoerce(f"from {first} to {last} is out of bounds for length {len(items)}")
    return list(items[first:last])


def _entry(entries: Mapping[str, Any], key: Any, default: Any = None) -> Any:
    return entries.get(key, default) if isinstance(key, str) else default


LIST_METHODS: dict[str, Callable[..., Any]] = {
    "size": lambda items: len(items),
    "isEmpty": lambda items: not items,
    "get": _element,
    "contains": lambda items, sought: _index_of(items, sought) >= 0,
    "containsAll": _contains_all,
    "indexOf": _index_of,
    "lastIndexOf": _last_index_of,
    "subList": _sub_list,
    "iterator": lambda items: Steps(items),
    "equals": java_equals,
    "toString": to_text,
    "toArray": lambda items: items,
}

MAP_METHODS: dict[str, Callable[..., Any]] = {
    "get": lambda entries, key: _entry(entries, key),
    "getOrDefault": _entry,
    "containsKey": lambda entries, key: isinstance(key, str) and key in entries,
    "containsValue": lambda entries, sought: _index_of(list(entries.values()), sought) >= 0,
    "size": lambda entries: len(entries),
    "isEmpty": lambda entries: not entries,
    "keySet": lambda entries: list(entries),
    "values": lambda entries: list(entries.values()),
    "entrySet": lambda entries: [Entry(key, value) for key, value in entries.items()],
    "equals": java_equals,
    "toString": to_text,
}

ENTRY_METHODS = {"getKey": "key", "getValue": "value", "toString": "text"}
ITERATOR_METHODS = {"hasNext": "has_next", "next": "next"}
