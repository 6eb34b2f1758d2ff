"""DMN 1.1 to 1.5 XML becomes decisions, or a list of problems with their places."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from mlc_service.dmn.boxed import BoxedExpression, compile_function, compile_untyped, is_boxed
from mlc_service.dmn.cells import Cells
from mlc_service.dmn.decision import Decision, InputData, Knowledge, Requirement
from mlc_service.dmn.item_types import ItemTypes
from mlc_service.dmn.outcome import Logic, NoLogic
from mlc_service.dmn.parse_table import parse_table
from mlc_service.dmn.service import DecisionService, ServiceInput
from mlc_service.dmn.source import CAMUNDA, CAMUNDA_VERSIONS, Element, Source, Unreadable, elements
from mlc_service.language import scripts
from mlc_service.language.scripts import ScriptLanguages
from mlc_service.problems import InvalidResource, Problem

MAX_REQUIREMENTS = 50
_MOST_KEPT = 16
_NAMED = (
    *("inputData", "decision", "businessKnowledgeModel", "decisionService", "import"),
    *("variable", "formalParameter", "itemComponent", "itemDefinition"),
)
_TIME_TO_LIVE = re.compile(r"P?(\d{1,6})D?")


@dataclass(frozen=True, slots=True)
class Model:
    """All that can be evaluated in a DMN file, and the findings that did not keep it from being read."""

    decisions: list[Decision]
    services: list[DecisionService]
    warnings: list[Problem] = field(default_factory=list)


def parse_dmn(
    source: bytes, resource: str, imports: Iterable[bytes] = (), languages: ScriptLanguages = scripts
) -> list[Decision]:
    """Every decision of the file, compiled. Raises problems.InvalidResource with all problems found.

    `imports` are the files it may import, in any order; those it does not name are not looked at.
    `languages` tells which script languages cells may be written in; by default those that always run.
    """
    return list(read_model(source, resource, imports, languages).decisions)


def read_model(
    source: bytes, resource: str, imports: Iterable[bytes] = (), languages: ScriptLanguages = scripts
) -> Model:
    """The decisions and decision services of the file, compiled. Raises problems.InvalidResource."""
    # runners and modules have a hash, though their protocol does not say so
    return _read_model(source, resource, tuple(imports), languages)  # type: ignore[arg-type]


# a file of a hundred decisions is asked for a hundred times, once for each
@lru_cache(maxsize=_MOST_KEPT)
def _read_model(source: bytes, resource: str, imports: tuple[bytes, ...], languages: ScriptLanguages) -> Model:
    try:
        library: dict[str, _Reader] = {}
        for other in imports:
            _Reader(Source(other), library, languages)
        reader = _Reader(Source(source), library, languages)
        decisions, services = reader.decisions(), reader.services()
    except Unreadable as error:
        raise InvalidResource(resource, [error.problem]) from None
    except RecursionError:
        raise InvalidResource(resource, [Problem("the file nests its expressions too deeply")]) from None
    others = [other for other in library.values() if other is not reader]
    problems = [*reader.findings(), *(problem for other in others for problem in other.elsewhere())]
    if any(problem.severity == "error" for problem in problems):
        raise InvalidResource(resource, sorted(problems, key=lambda problem: problem.severity != "error"))
    if problems:
        decisions = [dataclasses.replace(decision, warnings=tuple(problems)) for decision in decisions]
    return Model(decisions, services, problems)


class _Reader:
    """One file; `library` holds the readers of all files at hand by their namespace."""

    def __init__(self, source: Source, library: dict[str, _Reader], languages: ScriptLanguages) -> None:
        self._source = source
        self._languages = languages
        self._library = library
        self._namespace = source.root.tag.rpartition("}")[0] + "}"
        self._by_id = {element.get("id"): element for element in elements(source.root) if element.get("id")}
        self._imports = {
            one.get("name", ""): one.get("namespace", "") for one in source.root.findall(self._namespace + "import")
        }
        self.types = ItemTypes(source.root, self._namespace, self._imported_types)
        self._cells: Cells | None = None
        self._built: dict[Element, Decision | None] = {}
        self._services: dict[Element, DecisionService | None] = {}
        library[source.root.get("namespace", "")] = self

    @property
    def cells(self) -> Cells:
        """The reader of the file's cells, made when all files at hand are known."""
        if self._cells is None:
            names = self.names().union(*(other.names() for other in self._imported()))
            self._cells = Cells(self._source, self._namespace, self.types, names, self._languages)
        return self._cells

    def decisions(self) -> list[Decision]:
        """Every decision of the file that could be compiled."""
        found = self._children("decision")
        if not found:
            self.cells.report("there is no decision in this file", self._source.root)
        for name, namespace in self._imports.items():
            if namespace not in self._library:
                element = next(one for one in self._children("import") if one.get("name", "") == name)
                self.cells.warn(f"the import '{name}' of {namespace} is not among the files at hand", element)
        keys: set[str] = set()
        for element in found:
            key = _key(element)
            if not key:
                self.cells.report("there is a decision with neither id nor name", element)
            elif key in keys:
                self.cells.report(f"decision '{key}' is there twice", element)
            elif not element.get("name"):
                self.cells.report(f"decision '{key}' has no name", element)
            elif not element.get("id"):
                self.cells.warn(f"decision '{key}' has no id; its name is its key", element)
            keys.add(key)
        built = [self._decision(element, ()) for element in found if _key(element)]
        return [decision for decision in built if decision is not None]

    def services(self) -> list[DecisionService]:
        """Every decision service of the file that could be compiled."""
        built = [self._service(element, ()) for element in self._children("decisionService")]
        return [service for service in built if service is not None]

    def findings(self) -> list[Problem]:
        """All problems of the file."""
        return self.cells.problems

    def elsewhere(self) -> list[Problem]:
        """The errors of an imported file, as the importing one reports them: without a place in it."""
        name = self._source.root.get("name", "")
        return [Problem(f"imported '{name}': {problem.message}") for problem in self.cells.errors()]

    def names(self) -> frozenset[str]:
        """Every name the file declares: they are read as one name even if they hold an operator or a keyword."""
        kinds = {self._namespace + kind for kind in _NAMED}
        declared = {element.get("name", "") for element in elements(self._source.root) if element.tag in kinds}
        columns = self._source.root.iter(self._namespace + "input")
        declared |= {column.get(f"{{{CAMUNDA}}}inputVariable", "") for column in columns}
        # beside a `Person`, `Person.Name` may be one name or a path: what is bound when it is evaluated decides
        return frozenset(name for name in declared if name and name.rpartition(".")[0] not in declared - {""})

    def _children(self, kind: str) -> list[Element]:
        return self._source.root.findall(self._namespace + kind)

    def _imported(self) -> list[_Reader]:
        return [self._library[one] for one in self._imports.values() if one in self._library]

    def _imported_types(self, name: str) -> ItemTypes | None:
        other = self._library.get(self._imports.get(name, ""))
        return None if other is None else other.types

    def _target(self, link: Element) -> tuple[_Reader, Element | None, str | None]:
        """What the link leads to: the file, the element in it, and the name of the import if it is another file."""
        namespace, _, id = link.get("href", "").rpartition("#")
        group = next((name for name, imported in self._imports.items() if imported == namespace), None)
        reader = self if group is None else self._library.get(namespace, self)
        return reader, reader._by_id.get(id), group

    def _is(self, element: Element, kind: str) -> bool:
        return bool(element.tag == self._namespace + kind)

    def _decision(self, element: Element, above: tuple[str, ...]) -> Decision | None:
        key = _key(element)
        if key in above:
            self.cells.report(f"decision '{key}' requires itself, by way of {' -> '.join((*above, key))}", element)
            return None
        if len(above) > MAX_REQUIREMENTS:
            self.cells.report(f"decision '{key}' stands below more than {MAX_REQUIREMENTS} others", element)
            return None
        if element not in self._built:
            self._built[element] = self._build(element, key, (*above, key))
        return self._built[element]

    def _build(self, element: Element, key: str, path: tuple[str, ...]) -> Decision | None:
        name = element.get("name") or key
        variable = element.find(self._namespace + "variable")
        bound = name if variable is None else variable.get("name") or name
        requires, input_data = self._requirements(element, path)
        knowledge = self._knowledge(element, set(), path)
        type_ref = None if variable is None else variable.get("typeRef")
        logic = self._logic(element, key, bound, type_ref)
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
            knowledge=tuple(knowledge),
            type_ref=self.cells.declared(type_ref),
        )

    def _requirements(
        self, element: Element, path: tuple[str, ...]
    ) -> tuple[tuple[Requirement, ...], tuple[InputData, ...]]:
        requires: list[Requirement] = []
        input_data: list[InputData] = []
        for link in element.iterfind(f"{self._namespace}informationRequirement/*"):
            reader, target, group = self._target(link)
            if target is None:
                self.cells.report(f"decision '{path[-1]}' requires '{link.get('href')}', which is not here", link)
            elif reader._is(target, "decision"):
                required = reader._decision(target, path if reader is self else (*path, f"{group}.{path[-1]}"))
                requires += [Requirement(required, group)] if required is not None else []
            elif reader._is(target, "inputData"):
                input_data.append(reader._input_data(target, group))
        return tuple(requires), tuple(input_data)

    def _input_data(self, element: Element, group: str | None = None) -> InputData:
        variable = element.find(self._namespace + "variable")
        declared = None if variable is None else self.cells.declared(variable.get("typeRef"))
        return InputData(element.get("name", ""), declared, group)

    def _logic(self, element: Element, key: str, variable: str, type_ref: str | None) -> Logic | None:
        logic = next((child for child in element if is_boxed(child)), None)
        if logic is None:
            message = f"decision '{key}' has no logic; its value is the variable '{variable}', if there is one"
            self.cells.warn(message, element)
            return NoLogic(variable)
        if self._is(logic, "decisionTable"):
            return parse_table(self.cells, logic, key, variable)
        expression = compile_untyped(self.cells, logic, key)
        declared = self.cells.declared(type_ref or logic.get("typeRef"))
        if expression is None:
            return None
        strict = not any(version in self._namespace for version in CAMUNDA_VERSIONS)
        return BoxedExpression(key, variable, expression, declared, logic.get("id"), strict)

    def _knowledge(self, element: Element, seen: set[str], path: tuple[str, ...]) -> list[Knowledge]:
        """The knowledge models and services that the decision or model requires, and those that these require."""
        found: list[Knowledge] = []
        for link in element.iterfind(f"{self._namespace}knowledgeRequirement/{self._namespace}requiredKnowledge"):
            reader, target, group = self._target(link)
            href = link.get("href", "")
            if target is None:
                self.cells.report(f"the knowledge '{href}' that is required is not here", link)
            elif href not in seen:
                seen.add(href)
                found += reader._function(target, seen, path, group)
        return found

    def _function(self, element: Element, seen: set[str], path: tuple[str, ...], group: str | None) -> list[Knowledge]:
        """The element as a function, behind those it needs; of an import the latter are its own affair."""
        name = element.get("name", "")
        if self._is(element, "decisionService"):
            service = self._service(element, path)
            return [] if service is None else [Knowledge(name, service.function, group)]
        logic = element.find(self._namespace + "encapsulatedLogic")
        if logic is None:
            return []
        needed = self._knowledge(element, seen if group is None else set(), path)
        function = compile_function(self.cells, logic, name)
        if function is None:
            return []
        if group is None:
            return [*needed, Knowledge(name, function)]
        return [Knowledge(name, function, group, tuple(needed))]

    def _service(self, element: Element, above: tuple[str, ...]) -> DecisionService | None:
        if element not in self._services:
            self._services[element] = self._build_service(element, above)
        return self._services[element]

    def _build_service(self, element: Element, above: tuple[str, ...]) -> DecisionService | None:
        name = element.get("name", "")
        inputs: list[ServiceInput] = []
        # data before decisions, whatever their order in the file (DMN 1.5 §10.4)
        for kind in ("inputData", "inputDecision"):
            for link in element.findall(self._namespace + kind):
                reader, target, _ = self._target(link)
                if target is None:
                    self.cells.report(f"service '{name}' wants '{link.get('href')}', which is not here", link)
                elif kind == "inputData":
                    data = reader._input_data(target)
                    inputs.append(ServiceInput(data.name, data.type_ref))
                elif (given := reader._decision(target, above)) is not None:
                    inputs.append(ServiceInput(given.variable, given.type_ref, given))
        outputs: list[Decision] = []
        for link in element.findall(self._namespace + "outputDecision"):
            reader, target, _ = self._target(link)
            built = None if target is None else reader._decision(target, above)
            if built is None:
                self.cells.report(f"service '{name}' answers '{link.get('href')}', which is not here", link)
            else:
                outputs.append(built)
        variable = element.find(self._namespace + "variable")
        declared = None if variable is None else self.cells.declared(variable.get("typeRef"))
        return DecisionService(_key(element), name, tuple(inputs), tuple(outputs), declared) if outputs else None

    def _time_to_live(self, element: Element) -> int | None:
        text = element.get(f"{{{CAMUNDA}}}historyTimeToLive")
        if text is None or not text.strip():
            return None
        found = _TIME_TO_LIVE.fullmatch(text.strip())
        if not found:
            self.cells.report(f"historyTimeToLive '{text}' is neither a number of days nor like P30D", element)
            return None
        return int(found[1])


def _key(element: Element) -> str:
    return element.get("id") or element.get("name") or ""
