"""Writes docs/expressions.md: all that an expression may use, read from the tables that the evaluator itself uses.

    python -m mlc_service.language.page execution=mlc_service.engine.variables:ExecutionView > docs/expressions.md

What `execution` and `task` offer belongs to the rooms above; each is named as module:class, and its `__juel__` read.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from mlc_service.language import (
    juel_budget,
    juel_jsonpath,
    juel_parse,
    juel_values,
    juel_xml,
    patterns,
    scripts,
    timers,
)
from mlc_service.language import juel_collections as collections
from mlc_service.language import juel_methods as methods
from mlc_service.language import juel_moments as moments
from mlc_service.language import juel_spin as spin
from mlc_service.language.juel_functions import FUNCTIONS
from mlc_service.language.juel_hints import INSTEAD
from mlc_service.language.juel_strings import STRING_METHODS
from mlc_service.language.juel_xml import XmlAttribute, XmlElement, XPathQuery
from mlc_service.language.page_texts import COERCIONS, COMPARED, DIFFERENCES, OPERATORS, SCRIPT_ERRORS, SCRIPT_THROWS

_TIMERS: tuple[tuple[timers.TimerKind, str], ...] = (
    ("date", "2026-12-01T09:00:00Z"),
    ("date", "2026-12-01"),
    ("duration", "PT15M"),
    ("duration", "P1M"),
    ("cycle", "R3/PT10M"),
    ("cycle", "R/P1D"),
    ("cycle", "R3/2026-12-01T09:00:00Z/PT1H"),
    ("cycle", "R3/PT1H/2026-12-01T09:00:00Z"),
    ("cycle", "0 0 9 ? * MON-FRI"),
)
_SCRIPT_FORMATS = (
    "python", "py", "python3", "python-full", "jython", "javascript", "js", "ecmascript", "groovy", "juel", "feel",
)  # fmt: skip


def render(hosts: Mapping[str, str]) -> str:
    """The page; `hosts` says where `execution` and the like are declared, as module:class."""
    sections = (
        _head(hosts), _operators(), _functions(), _types(), _spin(), _hosts(hosts), _refusals(), _limits(), _timers(),
        _scripts(), _differences(),
    )  # fmt: skip
    return "\n".join(line for section in sections for line in section).rstrip() + "\n"


def _head(hosts: Mapping[str, str]) -> list[str]:
    given = " ".join(f"{name}={place}" for name, place in hosts.items())
    return [
        f"<!-- generated: python -m mlc_service.language.page {given} -->",
        "",
        "# Expressions",
        "",
        "`${…}` and `#{…}` are JUEL, as in Camunda 7: one alone gives its value, several with text around them give",
        "text, `\\${` stands for a plain `${`. Names are `execution`, where it fits `task`, and variables, in this",
        "order. An unknown name is an error that says where, and what was probably meant:",
        "",
        "    Unknown property used in expression: ${ammount > 9}. Cause: Cannot resolve identifier 'ammount' "
        "(column 3); did you mean 'amount'?",
        "",
    ]


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    def line(cells: tuple[str, ...]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    return [line(head), "|" + "---|" * len(head), *(line(row) for row in rows), ""]


def _operators() -> list[str]:
    return [
        "## Operators",
        "",
        "From the tightest to the loosest. Words: `and or not empty div mod eq ne lt gt le ge true false null`.",
        "",
        *_table(("operator", "meaning"), OPERATORS),
        "Values become another kind where one is needed:",
        "",
        *_table(("wanted", "rule"), COERCIONS),
        COMPARED,
        "",
    ]


def _functions() -> list[str]:
    rows = [(f"`{name}({'x' * count})`", meaning) for name, (count, _, meaning) in FUNCTIONS.items()]
    return ["## Functions", "", *_table(("function", "gives"), rows)]


def _signature(name: str, method: Callable[..., object], *, skip: int) -> str:
    parameters = list(inspect.signature(method).parameters.values())[skip:]
    shown = []
    for parameter in parameters:
        if parameter.kind is parameter.VAR_POSITIONAL:
            shown.append("…")
        elif parameter.name in ("months", "unit"):  # bound, not given
            continue
        else:
            label = parameter.name.lstrip("_")
            shown.append(f"[{label}]" if parameter.default is not parameter.empty else label)
    return f"`{name}({', '.join(shown)})`"


def _signatures(table: Mapping[str, Callable[..., object]]) -> str:
    return ", ".join(_signature(name, method, skip=1) for name, method in table.items())


def _members(kind: type, table: Mapping[str, str]) -> str:
    return ", ".join(_signature(name, getattr(kind, attribute), skip=1) for name, attribute in table.items())


def _without_getters(
    table: Mapping[str, Callable[..., object]], properties: Iterable[str]
) -> dict[str, Callable[..., object]]:
    getters = {f"get{name[0].upper()}{name[1:]}" for name in properties}
    return {name: method for name, method in table.items() if name not in getters}


def _properties(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _types() -> list[str]:
    moment = _without_getters({**moments.MOMENT_METHODS, **moments.NOW_METHODS}, moments.MOMENT_PROPERTIES)
    day = _without_getters(moments.DAY_METHODS, moments.DAY_PROPERTIES)
    clock = _without_getters(moments.TIME_METHODS, moments.TIME_PROPERTIES)
    rows = [
        ("text, enum", _signatures(STRING_METHODS) + "; properties `empty`, `blank`"),
        ("whole number, Double", _signatures(methods.NUMBER_METHODS)),
        ("Boolean", _signatures(methods.BOOLEAN_METHODS)),
        ("list", _signatures(collections.LIST_METHODS)),
        ("map, object", _signatures(collections.MAP_METHODS) + "; `getKey()` and `isKey()` read the key `key`"),
        ("map entry", _members(collections.Entry, collections.ENTRY_METHODS) + "; properties `key`, `value`"),
        ("iterator", _members(collections.Steps, collections.ITERATOR_METHODS)),
        (
            "date and time",
            f"{_signatures(moment)}; properties, also as `getX()`: {_properties(moments.MOMENT_PROPERTIES)}",
        ),
        (
            "day (`toLocalDate()`)",
            f"{_signatures(day)}; properties, also as `getX()`: {_properties(moments.DAY_PROPERTIES)}",
        ),
        (
            "time of day (`toLocalTime()`)",
            f"{_signatures(clock)}; properties, also as `getX()`: {_properties(moments.TIME_PROPERTIES)}",
        ),
    ]
    lines = ["## Methods", "", "Arguments in brackets may be left out.", ""]
    for kind, text in rows:
        lines += [f"**{kind}**: {text}", ""]
    return lines


def _spin() -> list[str]:
    return [
        "## JSON and XML (Spin)",
        "",
        "`S(x)`, `JSON(x)` and `XML(x)` read a text. A variable of type Json is plain data here and has the methods "
        "of a node "
        f"too: {_properties(spin.PLAIN_METHODS)}. A node that leaves the expression becomes the data or text it "
        f"stands for.",
        "",
        f"**JSON node**: {_members(spin.JsonNode, spin.JSON_METHODS)}",
        "",
        f"**`jsonPath(path)`**: {_members(spin.JsonPathQuery, spin.JSON_PATH_METHODS)}. Paths: `$`, `.name`, "
        f"`['a','b']`, `[0]`,",
        "`[-1]`, `[0,2]`, `[1:3]`, `[*]`, `..name`, `.length()`, and filters `[?(…)]` with `@.a == 'x'`, "
        + ", ".join(f"`{sign}`" for sign in juel_jsonpath.COMPARE)
        + ", `=~ /regex/i`, `&&`, `||`, `!`, parentheses. A path that can",
        "name only one element fails if it is not there; any other gives a list.",
        "",
        f"**XML element**: {_members(XmlElement, spin.XML_METHODS)}",
        "",
        f"**XML attribute**: {_members(XmlAttribute, spin.ATTRIBUTE_METHODS)}",
        "",
        f"**`xPath(path)`** (XPath 1.0): {_members(XPathQuery, spin.XPATH_METHODS)}",
        "",
    ]


def _declared(place: str) -> Mapping[str, str]:
    module, _, name = place.partition(":")
    found: Mapping[str, str] = getattr(importlib.import_module(module), name).__juel__
    return found


def _hosts(hosts: Mapping[str, str]) -> list[str]:
    lines: list[str] = []
    for name, place in hosts.items():
        kind = getattr(importlib.import_module(place.partition(":")[0]), place.partition(":")[2])
        properties, calls = [], []
        for member, attribute in _declared(place).items():
            found = inspect.getattr_static(kind, attribute, None)
            if callable(found):
                calls.append(_signature(member, found, skip=1))
            else:
                properties.append(member)
        lines += [f"**`{name}`**: {', '.join(calls)}; properties {_properties(properties)}", ""]
    if not lines:
        return []
    return ["## What belongs to the process", "", "`x` and `getX()` mean the same.", "", *lines]


def _refusals() -> list[str]:
    return [
        "## Instead of static Java members",
        "",
        "Classes cannot be named: `java.time.LocalDate.now()`, `Math.max(1, 2)`, `new Date()`, `T(…)` are refused, "
        "and the error",
        "says what to write.",
        "",
        *_table(("class", "instead"), [(f"`{name}`", instead) for name, instead in INSTEAD.items()]),
    ]


def _limits() -> list[str]:
    rows = [
        ("expression", f"{juel_parse.MAX_LENGTH:,} characters, {juel_parse.MAX_DEPTH} levels"),
        ("text made by it", f"{juel_values.MAX_TEXT:,} characters"),
        ("regular expression", f"{patterns.DEADLINE_SECONDS:g} s each"),
        ("whole evaluation", f"{juel_budget.SECONDS:g} s"),
        ("JSON read", f"{spin.MAX_JSON:,} characters"),
        ("JSONPath", f"{juel_jsonpath.MAX_LENGTH:,} characters, {juel_jsonpath.MAX_VISITS:,} nodes visited"),
        ("XML read", f"{juel_values.MAX_TEXT:,} characters, {juel_xml.MAX_DEPTH} levels, no DOCTYPE"),
        ("XPath", f"{juel_xml.MAX_XPATH} characters, and fewer `//` and `..` the larger the document is"),
    ]
    return ["## Limits", "", *_table(("of", "limit"), rows)]


def _timers() -> list[str]:
    now = datetime(2026, 11, 21, 8, 56, tzinfo=UTC)
    rows = []
    for kind, text in _TIMERS:
        if timers.check(kind, text) is None:
            due, more = timers.first_due(kind, text, now)
            again = {None: "for ever", 0: "no"}.get(more, f"{more} more")
            rows.append((kind, f"`{text}`", f"{due:%Y-%m-%d %H:%M}", again))
    return [
        "## Timers",
        "",
        "The text of a timer may be an expression; what it gives is read as ISO 8601, or is a date; a cycle may be a "
        f"cron expression too. As seen from {now:%Y-%m-%d %H:%M} UTC; a text without zone is UTC.",
        "",
        *_table(("kind", "text", "first due", "again"), rows),
    ]


def _scripts() -> list[str]:
    known = [name for name in _SCRIPT_FORMATS if scripts.supported(name)]
    run = inspect.signature(scripts.ScriptRunner.run).parameters
    seconds, memory = run["deadline_seconds"].default, run["memory_bytes"].default
    return [
        "## Scripts",
        "",
        f"`scriptFormat` may be {_properties(known)}. A script has {seconds:g} s and {memory // 2**20} MiB unless its",
        "language says otherwise, reads variables by name, writes them with `execution.setVariable`, and has no "
        "files and no",
        f"network. `execution` also tells {_properties(scripts.FACTS)};",
        "`execution.getProcessInstance()` reads and writes the same variables by the same rules.",
        "",
        *SCRIPT_ERRORS,
        "",
        *_table(("language", "a BPMN error with code and message"), SCRIPT_THROWS),
    ]


def _differences() -> list[str]:
    return [
        "## What differs from Camunda",
        "",
        "About a thousand expressions were run in Camunda 7.24.0 and give the same here (tests/unit/language/"
        "test_juel_conformance.txt).",
        "On purpose otherwise:",
        "",
        *(f"- {text}" for text in DIFFERENCES.values()),
    ]


if __name__ == "__main__":
    sys.stdout.write(render(dict(argument.split("=", 1) for argument in sys.argv[1:])))
