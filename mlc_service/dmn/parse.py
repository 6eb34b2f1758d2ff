"""DMN 1.1 to 1.5 XML becomes decisions, or a list of problems with their places."""

from __future__ import annotations

import re

from mlc_service.dmn.boxed import BoxedExpression, compile_boxed, compile_function, is_boxed
from mlc_service.dmn.cells import Cells
from mlc_service.dmn.decision import Decision, InputData, Knowledge, Logic
from mlc_service.dmn.parse_table import parse_table
from mlc_service.dmn.source import CAMUNDA, Element, Source, Unreadable, elements
from mlc_service.problems import InvalidResource, Problem

_MAX_REQUIREMENTS = 50
_NAMED = ("inputData", "decision", "businessKnowledgeModel", "variable", "formalParameter", "itemComponent")
_TIME_TO_LIVE = re.compile(r"P?(\d{1,6})D?")


def parse_dmn(source: bytes, resource: str) -> list[Decision]:
    """Every decision of the file, compiled. Raises problems.InvalidResource with all problems found."""
    try:
        reader = _Reader(Source(source))
        decisions = reader.decisions()
    except Unreadable as error:
        raise InvalidResource(resource, [error.problem]) from None
    except RecursionError:
        raise InvalidResource(resource, [Problem("the file nests its expressions too deeply")]) from None
    if reader.cells.problems:
        raise InvalidResource(resource, reader.cells.problems)
    return decisions


class _Reader:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._namespace = source.root.tag.rpartition("}")[0] + "}"
        self._by_id = {element.get("id"): element for element in elements(source.root) if element.get("id")}
        self.cells = Cells(source, self._namespace, self._types(), self._names())
        self._built: dict[str, Decision | None] = {}

    def decisions(self) -> list[Decision]:
        found = self._source.root.findall(self._namespace + "decision")
        if not found:
            self.cells.report("there is no decision in this file", self._source.root)
        keys: set[str] = set()
        for element in found:
            key = element.get("id", "")
            if not key:
                self.cells.report(f"decision '{element.get('name', '')}' has no id", element)
            elif key in keys:
                self.cells.report(f"decision '{key}' is there twice", element)
            elif not element.get("name"):
                self.cells.report(f"decision '{key}' has no name", element)
            keys.add(key)
        built = [self._decision(element, ()) for element in found if element.get("id")]
        return [decision for decision in built if decision is not None]

    def _types(self) -> dict[str, str]:
        """The file's own types that only give a name to another one."""
        return {
            item.get("name", ""): (item.findtext(self._namespace + "typeRef") or "").strip()
            for item in self._source.root.iter(self._namespace + "itemDefinition")
            if item.get("isCollection") != "true"
        }

    def _names(self) -> frozenset[str]:
        """Every name the file declares: they are read as one name even if they hold an operator or a keyword."""
        kinds = {self._namespace + kind for kind in _NAMED}
        declared = {element.get("name", "") for element in elements(self._source.root) if element.tag in kinds}
        columns = self._source.root.iter(self._namespace + "input")
        return frozenset(declared | {column.get(f"{{{CAMUNDA}}}inputVariable", "") for column in columns} - {""})

    def _decision(self, element: Element, above: tuple[str, ...]) -> Decision | None:
        key = element.get("id", "")
        if key in above:
            self.cells.report(f"decision '{key}' requires itself, by way of {' -> '.join((*above, key))}", element)
            return None
        if len(above) > _MAX_REQUIREMENTS:
            self.cells.report(f"decision '{key}' stands below more than {_MAX_REQUIREMENTS} others", element)
            return None
        if key not in self._built:
            self._built[key] = self._build(element, key, (*above, key))
        return self._built[key]

    def _build(self, element: Element, key: str, path: tuple[str, ...]) -> Decision | None:
        name = element.get("name") or key
        variable = element.find(self._namespace + "variable")
        bound = name if variable is None else variable.get("name") or name
        requires, input_data = self._requirements(element, path)
        logic = self._logic(element, key, bound, None if variable is None else variable.get("typeRef"))
        if logic is None:
            return None
        return Decision(
            key=key,
            name=name,
            version_tag=element.get(f"{{{CAMUNDA}}}versionTag"),
            history_time_to_live=self._time_to_live(element),
            variable=bound,
            logic=logic,
            requires=requires,
            input_data=input_data,
            knowledge=tuple(self._knowledge(element, set())),
        )

    def _requirements(
        self, element: Element, path: tuple[str, ...]
    ) -> tuple[tuple[Decision, ...], tuple[InputData, ...]]:
        requires: list[Decision] = []
        input_data: list[InputData] = []
        for link in element.iterfind(f"{self._namespace}informationRequirement/*"):
            href = link.get("href", "").rpartition("#")[2]
            target = self._by_id.get(href)
            if target is None:
                self.cells.report(f"decision '{path[-1]}' requires '{link.get('href')}', which is not here", link)
            elif target.tag == self._namespace + "decision":
                required = self._decision(target, path)
                requires += [required] if required is not None else []
            elif target.tag == self._namespace + "inputData":
                variable = target.find(self._namespace + "variable")
                declared = None if variable is None else self.cells.base_type(variable.get("typeRef"))
                input_data.append(InputData(target.get("name", ""), declared))
        return tuple(requires), tuple(input_data)

    def _logic(self, element: Element, key: str, variable: str, type_ref: str | None) -> Logic | None:
        logic = next((child for child in element if is_boxed(child)), None)
        if logic is None:
            self.cells.report(f"decision '{key}' has no logic: neither a decision table nor an expression", element)
            return None
        if logic.tag == self._namespace + "decisionTable":
            return parse_table(self.cells, logic, key, variable)
        expression = compile_boxed(self.cells, logic, key)
        declared = self.cells.base_type(type_ref or logic.get("typeRef"))
        return None if expression is None else BoxedExpression(key, variable, expression, declared)

    def _knowledge(self, element: Element, seen: set[str]) -> list[Knowledge]:
        """The knowledge models that the decision or model requires, and those that these require."""
        found: list[Knowledge] = []
        for link in element.iterfind(f"{self._namespace}knowledgeRequirement/{self._namespace}requiredKnowledge"):
            href = link.get("href", "").rpartition("#")[2]
            target = self._by_id.get(href)
            if target is None:
                self.cells.report(f"the knowledge '{link.get('href')}' that is required is not here", link)
                continue
            logic = target.find(self._namespace + "encapsulatedLogic")
            if href in seen or logic is None:
                continue
            seen.add(href)
            found += self._knowledge(target, seen)
            function = compile_function(self.cells, logic, target.get("name", href))
            if function is not None:
                found.append(Knowledge(target.get("name", href), function))
        return found

    def _time_to_live(self, element: Element) -> int | None:
        text = element.get(f"{{{CAMUNDA}}}historyTimeToLive")
        if text is None or not text.strip():
            return None
        found = _TIME_TO_LIVE.fullmatch(text.strip())
        if not found:
            self.cells.report(f"historyTimeToLive '{text}' is neither a number of days nor like P30D", element)
            return None
        return int(found[1])
