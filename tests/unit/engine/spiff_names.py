"""The names of SpiffWorkflow's classes that the engine subclasses, as they were when we last looked.

`spiff_names.json` keeps them with the shape of each: `["function", "self", "my_task"]`, `["property"]`, `["value"]`. After
an upgrade that has been gone through, write it anew: python -m tests.unit.engine.spiff_names
"""

from __future__ import annotations

import ast
import inspect
import json
import pkgutil
from collections.abc import Iterator
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, NamedTuple

import mlc_service.engine

RECORD = Path(__file__).with_suffix(".json")
_SIGNS = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}

Shape = list[str]


class Override(NamedTuple):
    """A class of the engine has a name that a class of SpiffWorkflow has, too."""

    ours: type
    name: str

    def __str__(self) -> str:
        return f"{self.ours.__name__}.{self.name}"


def shape(member: Any) -> Shape:
    """What can be seen of a member from outside; annotations and default values do not count."""
    if isinstance(member, (staticmethod, classmethod)):
        member = member.__func__
    if isinstance(member, property):
        return ["property"]
    if not inspect.isfunction(member):
        return ["value"]
    parameters = inspect.signature(member).parameters.values()
    return [
        "function",
        *(_SIGNS.get(one.kind, "") + one.name + "=" * (one.default is not one.empty) for one in parameters),
    ]


def engine_classes() -> list[type]:
    """Every class of the engine that is one of SpiffWorkflow's."""
    found = []
    for info in pkgutil.walk_packages(mlc_service.engine.__path__, "mlc_service.engine."):
        module = import_module(info.name)
        found += [
            one
            for one in vars(module).values()
            if inspect.isclass(one) and one.__module__ == module.__name__ and spiff_bases(one)
        ]
    return found


def spiff_bases(ours: type) -> list[type]:
    """SpiffWorkflow's classes that a class is one of, the nearest first."""
    return [base for base in ours.__mro__ if base.__module__.startswith("SpiffWorkflow.")]


def path_of(spiff: type) -> str:
    return f"{spiff.__module__}.{spiff.__qualname__}"


def members(one: type) -> Iterator[tuple[str, Any]]:
    """What the class itself defines, but for what every class has."""
    for name, member in vars(one).items():
        if name == "__init__" or not name.startswith(("__", "_abc_")):
            yield name, member


def installed() -> dict[str, dict[str, Shape]]:
    """The names of all bases of the engine's classes, as the installed SpiffWorkflow has them."""
    bases = {base for ours in engine_classes() for base in spiff_bases(ours)}
    return {
        path_of(base): {name: shape(member) for name, member in sorted(members(base))}
        for base in sorted(bases, key=path_of)
    }


def recorded() -> dict[str, dict[str, Shape]]:
    found: dict[str, dict[str, Shape]] = json.loads(RECORD.read_text())["classes"]
    return found


def nearest(ours: type, names: dict[str, dict[str, Shape]], name: str) -> Shape | None:
    """The shape of what the class overrides under that name, None if it overrides nothing."""
    for base in spiff_bases(ours):
        found = names.get(path_of(base), {}).get(name)
        if found is not None:
            return found
    return None


def overrides() -> list[Override]:
    """Every name that a class of the engine overrides, by what was recorded or by what is installed."""
    known, present = recorded(), installed()
    return [
        Override(ours, name)
        for ours in engine_classes()
        for name, _ in members(ours)
        if nearest(ours, known, name) is not None or nearest(ours, present, name) is not None
    ]


def inherited_names_used() -> set[str]:
    """Names of SpiffWorkflow's classes that stand behind a dot in the engine's code and are not the engine's own."""
    theirs = {name for names in recorded().values() for name in names}
    folder = Path(mlc_service.engine.__path__[0])
    sources = [ast.parse(file.read_text()) for file in folder.rglob("*.py")]
    own = {
        node.name for tree in sources for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef))
    }
    own |= {
        target.id
        for tree in sources
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for target in _assigned(node)
    }
    behind_dots = {node.attr for tree in sources for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return (behind_dots & theirs) - own - {override.name for override in overrides()}


def _assigned(of: ast.ClassDef) -> Iterator[ast.Name]:
    for statement in of.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        yield from (target for target in targets if isinstance(target, ast.Name))


if __name__ == "__main__":
    content = {"SpiffWorkflow": metadata.version("SpiffWorkflow"), "classes": installed()}
    lines = json.dumps(content, indent=1).replace("[\n    ", "[").replace("\n   ]", "]").replace(",\n    ", ", ")
    RECORD.write_text(lines + "\n")
