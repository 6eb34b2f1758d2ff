"""Small decision tables, written down the way they look."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import pytest

DMN_13 = "https://www.omg.org/spec/DMN/20191111/MODEL/"


def file_of(*decisions: str, namespace: str = DMN_13) -> bytes:
    """A DMN file with these decision elements."""
    head = f'<definitions xmlns="{namespace}" xmlns:camunda="http://camunda.org/schema/1.0/dmn" id="d" name="d">'
    return "\n".join([head, *decisions, "</definitions>"]).encode()


def table_of(
    inputs: list[str],
    outputs: list[str],
    *rules: tuple[str, ...],
    policy: str = 'hitPolicy="COLLECT"',
    key: str = "check",
) -> str:
    """A decision element. A column is `name` or `name:type`, an output also `name|"a", "b"` with its values; a rule has its cells in order; rules are r1, r2, ..."""
    lines = [f'<decision id="{key}" name="{key}">', f'<decisionTable id="t_{key}" {policy}>']
    for column in inputs:
        name, _, kind = column.partition(":")
        type_ref = f' typeRef="{kind}"' if kind else ""
        lines.append(f'<input id="i_{name}" label="{name}"><inputExpression{type_ref}><text>{escape(name)}</text>')
        lines.append("</inputExpression></input>")
    for column in outputs:
        declared, _, values = column.partition("|")
        name, _, kind = declared.partition(":")
        type_ref = f' typeRef="{kind}"' if kind else ""
        listed = f"<outputValues><text>{escape(values)}</text></outputValues>" if values else ""
        lines.append(f'<output id="o_{name}" name="{name}"{type_ref}>{listed}</output>')
    for number, cells in enumerate(rules, 1):
        lines.append(f'<rule id="r{number}">')
        for at, cell in enumerate(cells):
            kind = "inputEntry" if at < len(inputs) else "outputEntry"
            lines.append(f'<{kind} id="r{number}_{at}"><text>{escape(cell, quote=False)}</text></{kind}>')
        lines.append("</rule>")
    return "\n".join([*lines, "</decisionTable></decision>"])


@pytest.fixture(scope="session")
def table() -> Callable[..., str]:
    return table_of


@pytest.fixture(scope="session")
def dmn_file() -> Callable[..., bytes]:
    return file_of
