"""Definitions and decisions, parsed once per process and kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Generic, NamedTuple, TypeVar

from mlc_service.dmn import Decision, parse_dmn
from mlc_service.engine import Definition, parse_bpmn
from mlc_service.language import ScriptError
from mlc_service.store.rows import DecisionDefinitionRow, ProcessDefinitionRow
from mlc_service.store.units import UnitOfWork

T = TypeVar("T")

_MOST_KEPT = 256


class AnyDelegate:
    """Holds every name: what was deployed stays loadable when a delegate is taken away; its jobs will say so."""

    def __contains__(self, name: object) -> bool:
        return True


class AnyLanguage:
    """Lets every script pass: what was deployed stays loadable where its language is gone; running it will say so."""

    def why_unsupported(self, language: str) -> str | None:  # noqa: ARG002
        return None

    def check(self, language: str, source: str) -> ScriptError | None:  # noqa: ARG002
        return None


_ANY_LANGUAGE = AnyLanguage()


class _Kept(Generic[T]):
    """The most recently used values by id. Ids of definitions are never used again, so nothing grows stale."""

    def __init__(self) -> None:
        self._values: OrderedDict[str, T] = OrderedDict()
        self._lock = Lock()

    def get(self, id: str, make: Callable[[], T]) -> T:
        with self._lock:
            if id in self._values:
                self._values.move_to_end(id)
                return self._values[id]
        # two threads may make the same value at once; either will do
        value = make()
        with self._lock:
            self._values[id] = value
            while len(self._values) > _MOST_KEPT:
                self._values.popitem(last=False)
        return value


class KnownDefinition(NamedTuple):
    """A deployed definition and its executable form. Of the row, `suspended` and time to live may be old."""

    row: ProcessDefinitionRow
    definition: Definition


class Parsed:
    """The parsed form of what is deployed, by definition id; the least recently used one is forgotten first."""

    def __init__(self) -> None:
        self._definitions: _Kept[KnownDefinition] = _Kept()
        self._decisions: _Kept[Decision] = _Kept()

    def known(self, unit: UnitOfWork, definition_id: str) -> KnownDefinition:
        """The definition of that id. Raises NotFound."""
        return self._definitions.get(definition_id, lambda: _read(unit, unit.definitions.get(definition_id)))

    def definition(self, unit: UnitOfWork, row: ProcessDefinitionRow) -> Definition:
        """The executable form of a deployed definition."""
        return self._definitions.get(row.id, lambda: _read(unit, row)).definition

    def decision(self, unit: UnitOfWork, row: DecisionDefinitionRow) -> Decision:
        """The executable form of a deployed decision."""

        def parse() -> Decision:
            file = unit.deployments.resource(row.deployment_id, row.resource_name)
            others = [
                unit.deployments.resource(row.deployment_id, one.name).content
                for one in unit.deployments.resource_list(row.deployment_id)
                if one.name != row.resource_name and one.name.lower().endswith((".dmn", ".dmn11.xml"))
            ]
            decisions = parse_dmn(file.content, file.name, others, _ANY_LANGUAGE)
            return next(one for one in decisions if one.key == row.key)

        return self._decisions.get(row.id, parse)


def _read(unit: UnitOfWork, row: ProcessDefinitionRow) -> KnownDefinition:
    file = unit.deployments.resource(row.deployment_id, row.resource_name)

    def beside(name: str) -> bytes | None:
        found = [one for one in unit.deployments.resource_list(row.deployment_id) if one.name == name]
        return unit.deployments.resource(row.deployment_id, name).content if found else None

    definitions = parse_bpmn(file.content, file.name, AnyDelegate(), beside, _ANY_LANGUAGE)
    return KnownDefinition(row, next(one for one in definitions if one.key == row.key))
