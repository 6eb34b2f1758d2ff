"""docs/decisions.md, written from what the code declares: `python -m mlc_service.dmn.page > docs/decisions.md`."""

from __future__ import annotations

from collections.abc import Iterator

from mlc_service.dmn.feel import external, patterns, scope
from mlc_service.dmn.feel.functions import FUNCTIONS
from mlc_service.dmn.feel.functions.registry import Parameter
from mlc_service.dmn.feel.functions.texts import MAX_SUBJECT
from mlc_service.dmn.feel.parser import MAX_DEPTH
from mlc_service.dmn.feel.values import NUMBERS
from mlc_service.dmn.languages import STEPS_PER_SCRIPT
from mlc_service.dmn.page_texts import INTRODUCTION, MEANINGS, MISSING, POLICIES, THEMES
from mlc_service.dmn.parse import MAX_REQUIREMENTS
from mlc_service.dmn.source import NAMESPACES
from mlc_service.dmn.table import AGGREGATIONS, HIT_POLICIES

_VERSIONS = {"20151101": "1.1", "20180521": "1.2", "20191111": "1.3", "20211108": "1.4", "20230324": "1.5"}
_SCRIPTS = ("javascript", "groovy", "python")


def page() -> str:
    """The whole page."""
    spaces = sorted({space.partition("://")[2] for space in NAMESPACES})
    files = _table(("DMN", "namespace, with http or https"), [(_version(space), f"`{space}`") for space in spaces])
    parts = [
        INTRODUCTION.format(files=files, languages=", ".join(f"`{name}`" for name in _SCRIPTS)),
        "## Hit policies\n",
        _table(("policy", "answers"), [(f"`{name}`", POLICIES[name]) for name in policies()]),
        "\nNo rule holds: the default outputs if any are declared, else no row.\n",
        "## FEEL\n",
        "Names may hold spaces, and operators or keywords if the file or the variables know such a name. Numbers have "
        f"{NUMBERS.prec} decimal digits. Wrong types give null, as DMN has it.\n",
        *_functions(),
        "## Limits\n",
        _table(("limit", "of one evaluation"), list(_limits())),
        "",
        MISSING.format(java=_java(), blocks=len(patterns.BLOCKS)),
    ]
    return "\n".join(parts).rstrip() + "\n"


def policies() -> list[str]:
    """The hit policies, with COLLECT once for each aggregation too."""
    return [*HIT_POLICIES, *(f"COLLECT {name}" for name in AGGREGATIONS)]


def _version(namespace: str) -> str:
    return next(version for date, version in _VERSIONS.items() if date in namespace)


def _functions() -> Iterator[str]:
    for module, title in THEMES.items():
        own = [name for name in FUNCTIONS if theme_of(name) == module]
        yield f"### {title}\n"
        yield _table(
            ("function", "answers"),
            [("<br>".join(f"`{one}`" for one in signatures(name)), MEANINGS[name]) for name in own],
        )
        yield ""


def theme_of(name: str) -> str:
    """The key of THEMES under which the function stands."""
    module = FUNCTIONS[name].signatures[0].implementation.__module__.rpartition(".")[2]
    return "ranges" if module == "range_text" else module


def signatures(name: str) -> list[str]:
    """The ways to call a function, those of more parameters last."""
    declared = sorted(FUNCTIONS[name].signatures, key=lambda signature: len(signature.parameters))
    return [f"{name}({', '.join(map(_parameter, signature.parameters))})" for signature in declared]


def _parameter(parameter: Parameter) -> str:
    shown = parameter.name if parameter.kind == "any" else f"{parameter.name}: {parameter.kind}"
    if parameter.many:
        return shown + "…"
    return f"[{shown}]" if parameter.optional else shown


def _limits() -> Iterator[tuple[str, str]]:
    yield "steps: turns of loops, items of filters, calls", f"{scope.MAX_STEPS:,}"
    yield "time in patterns and scripts together", f"{scope.MAX_STEPS // scope.STEPS_PER_SECOND} s"
    yield "one match of a pattern", f"{patterns.DEADLINE_SECONDS} s, {patterns.MEMORY_BYTES // 2**20} MiB"
    yield "cells in script languages that are asked", str(scope.MAX_STEPS // STEPS_PER_SCRIPT)
    yield "text that is matched", f"{MAX_SUBJECT:,} characters"
    yield "depth of an expression", str(MAX_DEPTH)
    yield "decisions that require each other", str(MAX_REQUIREMENTS)


def _java() -> str:
    return ", ".join(f"`{cls.rpartition('.')[2]}.{method}`" for cls, method in sorted(external.METHODS))


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


if __name__ == "__main__":
    print(page(), end="")
