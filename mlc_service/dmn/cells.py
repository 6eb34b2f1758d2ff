"""Reads the cells of a DMN file and keeps account of what is wrong with them, and where."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from mlc_service.dmn.coercion import Declared
from mlc_service.dmn.feel import Scope
from mlc_service.dmn.item_types import ItemTypes
from mlc_service.dmn.languages import CellError, Expression, Tests, Vocabulary, compile_expression, compile_tests
from mlc_service.dmn.source import Element, Source
from mlc_service.language.scripts import ScriptLanguages
from mlc_service.problems import Problem

_Read = TypeVar("_Read")


class Cells:
    """The reader of one file's cells; `problems` grows with every one that cannot be read, and with warnings."""

    def __init__(
        self, source: Source, namespace: str, types: ItemTypes, names: frozenset[str], languages: ScriptLanguages
    ) -> None:
        self.namespace = namespace
        self.problems: list[Problem] = []
        self._source = source
        self._types = types
        self._known = Vocabulary(names, types, languages)

    def report(self, message: str, element: Element) -> None:
        """The problem is on the list, at the element's start."""
        self.problems.append(Problem(message, *self._source.place(element), _element_id(element)))

    def warn(self, message: str, element: Element) -> None:
        """The finding is on the list, as one that does not keep the file from being deployed."""
        self.problems.append(Problem(message, *self._source.place(element), _element_id(element), "warning"))

    def errors(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.severity == "error"]

    def declared(self, type_ref: str | None) -> Declared:
        """The type behind a `typeRef`, be it one of the file's own."""
        return self._types.declared(type_ref)

    def _language(self, element: Element) -> str | None:
        """The language of the cell, else the one of the whole file."""
        return element.get("expressionLanguage") or self._source.root.get("expressionLanguage")

    def text(self, element: Element) -> str:
        """The text inside the element's `text` child; empty if there is none."""
        return element.findtext(self.namespace + "text") or ""

    def expression(
        self, element: Element, place: str, *, optional: bool = False, strict: bool = True
    ) -> Expression | None:
        """The compiled expression. None if it is empty or wrong; the latter, and the former unless optional, is
        reported."""
        text = self.text(element)
        if not text.strip():
            if not optional:
                self.report(f"{place}: there is no expression", element)
            return None
        language = self._language(element)
        return self._read(element, place, text, lambda: compile_expression(language, text, self._known, strict=strict))

    def tests(self, element: Element, place: str, input_name: str | None) -> Tests | None:
        """The compiled tests; None for a cell that passes everything, and for one that is wrong, which is reported."""
        text = self.text(element)
        language = self._language(element)
        return self._read(element, place, text, lambda: compile_tests(language, text, self._known, input_name))

    def list_of(self, element: Element, place: str) -> Expression | None:
        """The compiled list of the values written with commas between, as `outputValues` has them."""
        text = self.text(element)
        language = self._language(element)
        return self._read(
            element, place, text, lambda: compile_expression(language, f"[{text}]", self._known, strict=True), before=1
        )

    def named(self, name: str) -> Expression:
        """The expression that is just the variable of that name, whatever characters it holds."""
        return _Variable(name)

    def _read(
        self, element: Element, place: str, text: str, compile_text: Callable[[], _Read], before: int = 0
    ) -> _Read | None:
        try:
            return compile_text()
        except CellError as error:
            holder = element.find(self.namespace + "text")
            offset = min(max(error.offset - before, 0), len(text))
            at = self._source.place(element) if holder is None else self._source.place_in_text(holder, offset)
            shown = text.strip() if len(text.strip()) <= 100 else text.strip()[:97] + "..."
            message = f"{place}: {error.message}, in: {shown}"
            self.problems.append(Problem(message, *at, _element_id(element)))
            return None


class _Variable:
    def __init__(self, name: str) -> None:
        self._name = name

    def value(self, scope: Scope) -> object:
        return scope.find(self._name)


def _element_id(element: Element | None) -> str | None:
    """The id of the element, or of the nearest one around it that has one."""
    while element is not None:
        if element.get("id"):
            return element.get("id")
        element = element.getparent()
    return None
