"""What no expression can do: reach Python, take all memory, run for ever, or break the interpreter."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from mlc_service.language.errors import ExpressionError
from mlc_service.language.juel import compile
from mlc_service.language.juel_parse import MAX_LENGTH


class Host:
    __juel__: ClassVar[Mapping[str, str]] = {"getVariable": "get"}
    secret = "never"

    def get(self, name: str) -> Any:
        return {"name": name}


class Undeclared:
    secret = "never"

    def act(self) -> str:
        return "never"


SCOPE: dict[str, Any] = {
    "execution": Host(),
    "host": Undeclared(),
    "s": "text",
    "n": 1,
    "items": [1],
    "data": {"a": 1},
    "f": len,
}


@pytest.mark.parametrize(
    "text",
    [
        "${''.getClass()}",
        "${''.class}",
        "${''.getClass().forName('java.lang.Runtime')}",
        "${execution.__class__}",
        "${execution['__class__']}",
        "${execution.secret}",
        "${execution.get('x')}",
        "${execution.getSecret()}",
        "${execution.__init__()}",
        "${execution.__juel__}",
        "${execution.getVariable}",
        "${execution.getVariable.__globals__}",
        "${host.secret}",
        "${host.act()}",
        "${s.__class__}",
        "${s.format(n)}",
        "${s.encode()}",
        "${s['__class__']}",
        "${n.__class__}",
        "${n.real}",
        "${n.bit_length()}",
        "${items.append(1)}",
        "${items.__class__}",
        "${items.clear()}",
        "${data.update(data)}",
        "${data.pop('a')}",
        "${f('x')}",
        "${f.__self__}",
        "${f.call()}",
        "${__now__}",
        "${__import__('os')}",
        "${__builtins__}",
        "${execution.getVariable('x', 'y')}",
    ],
)
def test_nothing_of_python_can_be_reached(text: str) -> None:
    with pytest.raises(ExpressionError):
        compile(text).evaluate(SCOPE)


def test_a_maps_key_that_looks_like_python_is_only_a_key() -> None:
    assert compile("${data.__class__}").evaluate(SCOPE) is None


@pytest.mark.parametrize(
    "text",
    [
        "${" + "(" * 5000 + "1" + ")" * 5000 + "}",
        "${" + "-" * 5000 + "1}",
        "${" + "!" * 5000 + "true}",
        "${" + "a[" * 3000 + "1" + "]" * 3000 + "}",
        "${1" + "+1" * 5000 + "}",
        "${a" + ".b" * 5000 + "}",
        "${" + "true ? 1 : " * 1500 + "1}",
        "x" * (MAX_LENGTH + 1),
        "${" + "9" * 10_000 + "}",
    ],
)
def test_a_monstrous_expression_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        compile(text).evaluate({})


def test_a_long_flat_condition_is_fine() -> None:
    text = "${" + " || ".join(f"n == {number}" for number in range(1000)) + "}"
    assert compile(text).evaluate({"n": 999}) is True


@pytest.mark.parametrize(
    "text",
    [
        "${'aaaaaaaaaa'.repeat(100000000)}",
        "${big.concat(big)}",
        "${big.replace('a', big)}",
        "${big.replaceAll('a', big)}",
        "${big}${big}",
        "${9223372036854775807 + 1}",
        "${9223372036854775807 * 9223372036854775807}",
    ],
)
def test_a_result_beyond_all_bounds_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        compile(text).evaluate({"big": "a" * 600_000})


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "((a*)*)*$", "(", "[", "(?<=x"])
def test_a_runaway_or_broken_pattern_ends_soon(pattern: str) -> None:
    began = time.monotonic()
    with pytest.raises(ExpressionError, match="regular expression not usable"):
        compile(f"${{s.replaceAll('{pattern}', '')}}").evaluate({"s": "a" * 60 + "b"})
    assert time.monotonic() - began < 5


def test_a_structure_nested_too_deeply_is_not_written_as_text() -> None:
    deep: list[Any] = []
    for _ in range(500):
        deep = [deep]
    with pytest.raises(ExpressionError):
        compile("<${deep}>").evaluate({"deep": deep})
