"""What no expression can do: reach Python, take all memory, run for ever, or break the interpreter."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
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
    "k": "__init__",
    "when": datetime(2026, 11, 21, 8, 56, tzinfo=UTC),
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
        "${execution['getVariable']['__globals__']}",
        "${execution['__init__']()}",
        "${s['__class__']()}",
        "${execution[k]()}",
        "${execution[k]}",
        "${when.__class__}",
        "${when.tzinfo}",
        "${when.tzinfo.utcoffset(when)}",
        "${when.isoformat()}",
        "${when.strftime('%Y')}",
        "${when.replace(1)}",
        "${when.toLocalDate().today()}",
        "${when.toLocalTime().isoformat()}",
        "${S(data).raw}",
        "${S(data).text()}",
        "${S(data)._as('x')}",
        "${S(data).plain()}",
        "${S(data).java_class}",
        "${S(data).__class__}",
        "${S(data).jsonPath('$.a')._root}",
        "${S(data).jsonPath('$.a').__init__()}",
        "${XML('<a/>')._element}",
        "${XML('<a/>').select('.', data)}",
        "${XML('<a/>').xPath('.')._element}",
        "${XML('<a/>').xPath('.').element().getparent()}",
        "${XML('<a b=\"c\"/>').attr('b')._value}",
        "${data.entrySet().get(0)._pair}",
        "${data.entrySet().get(0).setValue(1)}",
        "${items.iterator()._items}",
        "${items.iterator().remove()}",
        "${items.iterator().__next__()}",
        "${data.getClass()}",
        "${items.getClass()}",
        "${true.getClass()}",
        "${n.to_bytes(1)}",
        "${n.numerator}",
        "${s.join(items)}",
        "${s.format_map(data)}",
        "${data.keys()}",
        "${items.sort()}",
        "${items.__getitem__(0)}",
        "${f.getValue()}",
        "${host.getSecret()}",
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


BIG = {
    "big": "a" * 600_000,
    "wide": {"d": [{"x": number, "y": {"z": [1, 2, 3]}} for number in range(20_000)]},
    "longList": list(range(100_000)),
    "runaway": "a" * 60 + "b",
    "many": "<r>" + "<a/>" * 900 + "</r>",
    "huge": "<r>" + "<a><b x='1'>t</b></a>" * 20_000 + "</r>",
    "deepJson": "[" * 5_000 + "]" * 5_000,
    "deepXml": "<a>" * 5_000 + "</a>" * 5_000,
    "hugeNumber": 10**5_000,
    "quote": "'",
}


@pytest.mark.parametrize(
    "text",
    [
        "${S(wide).jsonPath('$..*..*..*').elementList()}",
        "${S(wide).jsonPath('$" + "..*" * 300 + "').elementList()}",
        "${S(wide).jsonPath('$.d[?(@.x == 1 || $..z)]').elementList()}",
        "${S(wide).jsonPath('$.d[?(" + "!" * 1_000 + "@.x)]').elementList()}",
        "${S(wide).jsonPath('$.d[?(" + "(" * 300 + "@.x" + ")" * 300 + ")]').elementList()}",
        "${S(wide).jsonPath('" + "$.a" * 5_000 + "').elementList()}",
        "${JSON(runawayList).jsonPath('$[?(@ =~ /(a+)+$/)]').elementList()}",
        "${XML(huge).xPath('//*[//*[//*]]').elementList()}",
        "${XML(huge).xPath('*/following-sibling::*').elementList()}",
        "${XML(huge).xPath('//namespace::*').elementList()}",
        "${XML(many).xPath('*[../*[../*[../*]]]').elementList()}",
        "${XML(many).xPath('//*[count(//*[count(//*) > 1]) > 1]').elementList()}",
        "${XML(many).xPath('" + "//a" * 400 + "').elementList()}",
        "${JSON(deepJson)}",
        "${XML(deepXml)}",
        "${longList.containsAll(longList)}",
        "${" + " || ".join(["runaway.matches('(a+)+$')"] * 100) + "}",
        "${" + " || ".join(["big.matches('b.*')"] * 500) + "}",
        "${runaway.split('(a+)+$')}",
        "${runaway.replaceFirst('(a|aa)+$', '')}",
        "${'a'.repeat(1000000).concat('b')}",
        "${big.replaceAll('a', '$0$0$0')}",
        "${hugeNumber + 1}",
    ],
)
def test_what_would_take_long_or_grow_without_end_is_stopped(text: str) -> None:
    began = time.monotonic()
    with pytest.raises(ExpressionError):
        compile(text).evaluate({**BIG, "runawayList": str([BIG["runaway"]] * 50).replace("'", '"')})
    assert time.monotonic() - began < 10


def test_a_number_without_end_is_not_written() -> None:
    with pytest.raises(ExpressionError, match="too large"):
        compile("<${hugeNumber}>").evaluate(BIG)


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE r [<!ENTITY a "b">]><r>&a;</r>',
        '<!DOCTYPE r SYSTEM "file:///etc/passwd"><r/>',
        '<!DOCTYPE r [<!ENTITY % p SYSTEM "http://127.0.0.1/x.dtd">%p;]><r/>',
        "<r>&undefined;</r>",
    ],
)
def test_xml_with_a_doctype_is_refused_before_anything_in_it_acts(text: str) -> None:
    with pytest.raises(ExpressionError, match="Unable to parse XML"):
        compile("${XML(x)}").evaluate({"x": text})


@pytest.mark.parametrize(
    "path",
    [
        "document('file:///etc/passwd')",
        "re:test(., 'a')",
        "re:replace(., '(a+)+$', 'g', '')",
        "exsl:node-set(.)",
        "id('a')",
        "$variable",
    ],
)
def test_xpath_has_no_functions_that_lead_out_of_the_document(path: str) -> None:
    text = "${XML('<r/>').xPath(p).ns('re', 'http://exslt.org/regular-expressions').ns('exsl', 'http://exslt.org/common').string()}"
    with pytest.raises(ExpressionError):
        compile(text).evaluate({"p": path})


def test_time_used_up_by_one_evaluation_is_not_missing_in_the_next() -> None:
    for _ in range(2):
        with pytest.raises(ExpressionError, match="takes longer"):
            compile("${" + " || ".join(["big.matches('b.*')"] * 500) + "}").evaluate(BIG)
    assert compile("${'abc'.matches('a.c')}").evaluate({}) is True
