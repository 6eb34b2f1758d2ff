"""The types that a DMN file declares (`itemDefinition`), resolved to FEEL's (DMN 1.5 §7.3.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from mlc_service.dmn import feel
from mlc_service.dmn.coercion import Declared, local_name
from mlc_service.dmn.feel.parser import parse_type
from mlc_service.dmn.feel.tree import TypeOf
from mlc_service.dmn.feel.types import ANY
from mlc_service.dmn.source import Element

_MAX_NESTING = 30


class ItemTypes(Mapping[str, TypeOf]):
    """Each declared type under its name, and those of imported files as `import.name`."""

    def __init__(
        self, root: Element, namespace: str, imported: Callable[[str], ItemTypes | None] = lambda _: None
    ) -> None:
        self._namespace = namespace
        self._imported = imported
        self._items = {item.get("name", ""): item for item in root.findall(namespace + "itemDefinition")}
        self._found: dict[str, TypeOf] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, name: str) -> TypeOf:
        if name not in self._found:
            self._found[name] = self._find(name, ())
        return self._found[name]

    def declared(self, type_ref: str | None) -> Declared:
        """What a `typeRef` means: the bare name of a simple type, or the structure of any other."""
        if not type_ref:
            return None
        found = self._named(type_ref, ())
        structured = found.inner or found.fields or found.name in ("list", "context", "function", "range")
        return found if structured else found.name

    def _find(self, name: str, above: tuple[str, ...]) -> TypeOf:
        item = self._items.get(name)
        if item is not None:
            # a type inside itself is not followed: there anything will do
            circular = name in above or len(above) > _MAX_NESTING
            return ANY if circular else self._built(item, (*above, name))
        prefix, _, rest = name.partition(".")
        others = self._imported(prefix) if rest else None
        if others is None:
            raise KeyError(name)
        return others[rest]

    def _named(self, text: str, above: tuple[str, ...]) -> TypeOf:
        for name in (text.strip(), local_name(text)):
            try:
                return self._find(name, above)
            except KeyError:
                continue
        if "<" in text:
            try:
                return parse_type(text)
            except feel.FeelSyntaxError:
                return ANY
        return TypeOf(local_name(text))

    def _built(self, item: Element, above: tuple[str, ...]) -> TypeOf:
        components = item.findall(self._namespace + "itemComponent")
        function = item.find(self._namespace + "functionItem")
        referred = item.findtext(self._namespace + "typeRef")
        if components:
            kind = TypeOf("context", fields=tuple((c.get("name", ""), self._built(c, above)) for c in components))
        elif function is not None:
            parameters = function.findall(self._namespace + "parameters")
            answers = [*(parameter.get("typeRef") for parameter in parameters), function.get("outputTypeRef")]
            kind = TypeOf("function", tuple(self._named(a, above) if a else ANY for a in answers))
        else:
            kind = self._named(referred, above) if referred else ANY
        return TypeOf("list", (kind,)) if item.get("isCollection") == "true" else kind
