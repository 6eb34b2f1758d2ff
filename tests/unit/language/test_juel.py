"""What expressions mean: Jakarta EL with Camunda 7's names, functions and messages."""

from __future__ import annotations

import contextlib
import math
from collections import ChainMap
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlc_service.language.errors import ExpressionError
from mlc_service.language.juel import coerce_boolean, compile

NOW = datetime(2026, 11, 21, 8, 56, tzinfo=UTC)


class Execution:
    """A host object such as the engine hands in."""

    __juel__: ClassVar[Mapping[str, str]] = {
        "getVariable": "get_variable",
        "setVariable": "set_variable",
        "businessKey": "business_key",
        "processInstanceId": "instance_id",
    }

    def __init__(self) -> None:
        self.variables: dict[str, Any] = {"a": 1}
        self.business_key = "order-7"
        self.instance_id = "4711"
        self.secret = "never"

    def get_variable(self, name: str) -> Any:
        return self.variables.get(name)

    def set_variable(self, name: str, value: Any) -> None:
        self.variables[name] = value


def names(**variables: Any) -> Mapping[str, Any]:
    return ChainMap(variables, {"execution": Execution(), "__now__": NOW, "authenticatedUserId": "demo"})


DATA = {
    "n": 5,
    "x": 1.5,
    "s": "Hello",
    "flag": True,
    "nothing": None,
    "items": [1, "two", {"k": "v"}],
    "order": {"id": 7, "lines": [{"sku": "a"}], "empty": ""},
    "key": "id",
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain text", "plain text"),
        ("", ""),
        ("${n}", 5),
        ("#{n}", 5),
        ("${ n }", 5),
        ("n is ${n}, s is #{s}!", "n is 5, s is Hello!"),
        ("${n}${n}", "55"),
        ("${nothing}", None),
        ("<${nothing}>", "<>"),
        ("${flag}:${x}:${items}:${order.lines}", "true:1.5:[1, two, {k=v}]:[{sku=a}]"),
        (r"\${n} costs $5 \\ # {", r"${n} costs $5 \\ # {"),
        ("${'a}b'}", "a}b"),
        (r"${'it\'s'}", "it's"),
        (r"""${"a\\b"}""", r"a\b"),
        # literals and arithmetic
        ("${1 + 2 * 3}", 7),
        ("${(1 + 2) * 3}", 9),
        ("${7 / 2}", 3.5),
        ("${4 div 2}", 2.0),
        ("${7 mod 3}", 1),
        ("${-7 % 3}", -1),
        ("${7.5 % 2}", 1.5),
        ("${1 - 2 - 3}", -4),
        ("${- 2}", -2),
        ("${-n}", -5),
        ("${1.5e2}", 150.0),
        ("${.5}", 0.5),
        ("${null + null}", 0),
        ("${nothing + 1}", 1),
        ("${'' + 1}", 1),
        ("${'2' * '3'}", 6),
        ("${'2.0' * 3}", 6.0),
        ("${1 / 0}", math.inf),
        ("${0 / 0 == 0}", False),
        # comparison
        ("${1 == 1.0}", True),
        ("${1 == '1'}", True),
        ("${'1.0' == 1.0}", True),
        ("${true == 'TRUE'}", True),
        ("${null == ''}", False),
        ("${null == null}", True),
        ("${nothing != 1}", True),
        ("${'b' > 'a'}", True),
        ("${10 > '9'}", True),
        ("${'10' > '9'}", False),
        ("${null < 1}", False),
        ("${null <= null}", True),
        ("${n ge 5 and n le 5 and n lt 6 and n gt 4 and n eq 5 and n ne 6}", True),
        ("${n>=5&&n<=5}", True),
        # logic
        ("${!flag}", False),
        ("${not flag or flag}", True),
        ("${null || 'true'}", True),
        ("${'yes' && true}", False),
        ("${true || missing}", True),
        ("${false && missing}", False),
        ("${flag ? 'a' : missing}", "a"),
        ("${false ? 1 : true ? 2 : 3}", 2),
        ("${flag?n:x}", 5),
        ("${empty nothing}", True),
        ("${empty ''}", True),
        ("${empty items}", False),
        ("${not empty order.empty}", False),
        ("${empty 0}", False),
        # members
        ("${order.id}", 7),
        ("${order['id']}", 7),
        ("${order[key]}", 7),
        ("${order.lines[0].sku}", "a"),
        ("${order.lines[9]}", None),
        ("${order.lines['0'].sku}", "a"),
        ("${order.missing}", None),
        ("${order.missing.deeper}", None),
        # methods
        ("${s.equals('Hello')}", True),
        ("${s.equalsIgnoreCase('hELLO')}", True),
        ("${s.contains('ell') && s.startsWith('He') && s.endsWith('o')}", True),
        ("${s.length()}", 5),
        ("${s.isEmpty()}", False),
        ("${s.toLowerCase().toUpperCase()}", "HELLO"),
        ("${'  a '.trim()}", "a"),
        ("${s.substring(1)}-${s.substring(1, 3)}", "ello-el"),
        ("${s.indexOf('l')}", 2),
        ("${s.lastIndexOf('l')}", 3),
        ("${'a,b,,'.split(',')}", ["a", "b"]),
        ("${'a1b22c'.split('[0-9]+')}", ["a", "b", "c"]),
        ("${s.replace('l', 'L')}", "HeLLo"),
        ("${s.replaceAll('[aeiou]', '*')}", "H*ll*"),
        ("${s.matches('[A-Z][a-z]+')}", True),
        ("${s.matches('ell')}", False),
        ("${s.concat('!')}", "Hello!"),
        ("${s.charAt(0)}", "H"),
        ("${items.size()}", 3),
        ("${items.isEmpty()}", False),
        ("${items.get(1)}", "two"),
        ("${items.contains('two') && !items.contains(true)}", True),
        ("${items.indexOf('two')}", 1),
        ("${order.get('id')}", 7),
        ("${order.containsKey('id') && !order.containsKey('no')}", True),
        ("${order.size()}", 3),
        ("${order.keySet()}", ["id", "lines", "empty"]),
        ("${order.values().size()}", 3),
        ("${n.toString()}", "5"),
        ("${n.equals(5)}", True),
        ("${n.equals('5')}", False),
        ("${x.intValue()}", 1),
        ("${n.doubleValue()}", 5.0),
        ("${flag.toString()}", "true"),
        ('${JSON(\'{"a": [1]}\').prop("a").elements().size()}', 1),
        ("${S('{\"a\": \"b\"}').prop('a').stringValue()}", "b"),
        # host objects and functions
        ("${execution.getVariable('a')}", 1),
        ("${execution.businessKey}", "order-7"),
        ("${execution.getBusinessKey()}", "order-7"),
        ("${execution.processInstanceId}", "4711"),
        ("${currentUser()}", "demo"),
        ("${currentUserGroups()}", []),
        ("${authenticatedUserId}", "demo"),
        ("${now()}", NOW),
        ("${dateTime().plusDays(2).toDate()}", datetime(2026, 11, 23, 8, 56, tzinfo=UTC)),
        ("${dateTime().minusMonths(9).toString()}", "2026-02-21T08:56:00.000Z"),
        ("${dateTime().withTime(0, 0, 0, 0).isBefore(now())}", True),
        ("due ${dateTime().plusHours(1)}", "due 2026-11-21T09:56:00.000Z"),
        ("${now().getTime() == dateTime().millis}", True),
    ],
)
def test_an_expression_means_what_it_means_in_camunda(text: str, expected: Any) -> None:
    value = compile(text).evaluate(names(**DATA))
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (1.0, "1.0"),
        (0.001, "0.001"),
        (0.0001, "1.0E-4"),
        (1e7, "1.0E7"),
        (12345678.9, "1.23456789E7"),
        (1e23, "1.0E23"),
        (-2.5e-10, "-2.5E-10"),
        (math.inf, "Infinity"),
        (True, "true"),
        (None, ""),
        ([None, 1.0, {"a": False}], "[null, 1.0, {a=false}]"),
    ],
)
def test_a_value_in_mixed_text_is_written_as_java_writes_it(value: Any, written: str) -> None:
    assert compile("<${v}>").evaluate({"v": value}) == f"<{written}>"


@pytest.mark.parametrize(
    ("text", "message", "column"),
    [
        (
            "${x}",
            "Unknown property used in expression: ${x}. Cause: Cannot resolve identifier 'x' (column 3)",
            3,
        ),
        (
            "a ${ b }",
            "Unknown property used in expression: a ${ b }. Cause: Cannot resolve identifier 'b' (column 6)",
            6,
        ),
        (
            "${nothing.call()}",
            "Unknown property used in expression: ${nothing.call()}. "
            "Cause: Target unreachable, base expression 'nothing' resolved to null (column 11)",
            11,
        ),
        (
            "${s.shout()}",
            "Unknown method used in expression: ${s.shout()}. "
            "Cause: Method not found: class java.lang.String.shout() (column 5)",
            5,
        ),
        (
            "${s.colour}",
            "Unknown property used in expression: ${s.colour}. "
            "Cause: The class 'java.lang.String' does not have the property 'colour' (column 5)",
            5,
        ),
        (
            "${1 + true}",
            "Error while evaluating expression: ${1 + true}. "
            "Cause: Cannot coerce from class java.lang.Boolean to class java.lang.Long (column 5)",
            5,
        ),
        ("${1 % 0}", "Error while evaluating expression: ${1 % 0}. Cause: / by zero (column 5)", 5),
        (
            "${1 == 'a'}",
            "Error while evaluating expression: ${1 == 'a'}. "
            "Cause: Cannot coerce 'a' to class java.lang.Long (column 5)",
            5,
        ),
    ],
)
def test_an_error_names_the_expression_the_cause_and_the_column(text: str, message: str, column: int) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile(text).evaluate({"s": "Hello", "nothing": None})
    assert caught.value.message == message
    assert caught.value.column == column
    assert caught.value.text == text


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("${ammount > 9}", "; did you mean 'amount'?"),
        ("${AMOUNT > 9}", "; did you mean 'amount'?"),
        ("${DEPLOYABLE_MODLE.id}", "; did you mean 'DEPLOYABLE_MODEL'?"),
        ("${nothingLikeIt}", "(column 3)"),
        ("${task.assignee}", "; task is known in what belongs to a user task"),
        ("${caseExecution.id}", "; CMMN cases are not supported"),
        ("${s.lenght()}", "; did you mean 'length'? (column 5)"),
        ("${s.length}", "; did you mean the method length()? (column 5)"),
        ("${s.toUppercase()}", "; did you mean 'toUpperCase'?"),
        ("${when.yeer}", "; did you mean 'year'?"),
        ("${when.plusDay(1)}", "; did you mean 'plusDays'?"),
        ("${execution.processInstanceID}", "; did you mean 'processInstanceId'?"),
        ("${execution.getVariabel('a')}", "; did you mean 'getVariable'?"),
        ("${items.add(1)}", "; an expression only reads"),
        ("${items[s]}", "a list is indexed by a number"),
        ("${java.time.LocalDate.now().plusDays(3)}", "Java classes cannot be reached (LocalDate); use dateTime()"),
        ("${LocalDate.now()}", "Java classes cannot be reached (LocalDate); use dateTime()"),
        ("${Math.max(1, 2)}", "Java classes cannot be reached (Math); use operators and ? :"),
        ("${java.lang.System.getenv('HOME')}", "(System); use now().getTime()"),
        ("${org.apache.commons.lang3.StringUtils.isEmpty(s)}", "(StringUtils); use empty x"),
        ("${com.acme.Rules.check(s)}", "(Rules); use a script"),
        ("${new Date()}", "Java classes cannot be reached (Date); use now()"),
        ("${new java.util.Date()}", "Java classes cannot be reached (Date); use now()"),
        ("${Date()}", "Java classes cannot be reached (Date); use now()"),
        ("${currentuser()}", "; did you mean 'currentUser'?"),
        ("${amount = 9}", "compare with =="),
        ("${s == ‘Hello’}", "straight quotes"),
        ("${amount & 1}", "and is &&"),
    ],
)
def test_an_error_says_what_was_probably_meant(text: str, hint: str) -> None:
    scope = names(**DATA, amount=10, DEPLOYABLE_MODEL={"id": "d"}, when=NOW)
    with pytest.raises(ExpressionError) as caught:
        compile(text).evaluate(scope)
    assert hint in caught.value.message


def test_a_long_expression_is_shortened_in_its_message() -> None:
    text = "${missing || '" + "x" * 5_000 + "' == 'y'}"
    with pytest.raises(ExpressionError) as caught:
        compile(text).evaluate({})
    assert len(caught.value.message) < 700
    assert caught.value.text == text


class Task:
    """A host object that declares getters only, or properties only."""

    __juel__: ClassVar[Mapping[str, str]] = {"getAssignee": "assigned", "isSuspended": "suspended", "name": "name"}
    name = "Review"

    def assigned(self) -> str:
        return "anna"

    def suspended(self) -> bool:
        return False


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${task.assignee}", "anna"),
        ("${task.getAssignee()}", "anna"),
        ("${task.suspended || task.isSuspended()}", False),
        ("${task.name.concat(task.getName())}", "ReviewReview"),
        ("${externalTask.name}", "Review"),
        ("${caseExecution.assignee}", "anna"),
    ],
)
def test_a_host_object_answers_as_a_bean_under_any_name_it_is_given(text: str, expected: Any) -> None:
    given = {"task": Task(), "externalTask": Task(), "caseExecution": Task()}
    assert compile(text).evaluate(given) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${S(order)}", DATA["order"]),
        ("${S(order).prop('lines')}", [{"sku": "a"}]),
        ("${order.prop('lines').elements()}", [{"sku": "a"}]),
        ("${order.jsonPath('$.lines[0].sku').stringValue()}", "a"),
        ("${order.hasProp('id') && order.lines.isArray() && order.isObject()}", True),
        ("${order.entrySet()}", [{"key": "id", "value": 7}, {"key": "lines", "value": [{"sku": "a"}]}, {"key": "empty", "value": ""}]),
        ("${XML('<a><b>1</b></a>').childElement('b')}", '<?xml version="1.0" encoding="UTF-8"?><b>1</b>'),
        ("${XML('<a b=\"1\"/>').attr('b')}", "1"),
        ("${dateTime().toLocalTime()}", "08:56:00.000"),
        ("${items.iterator()}", [1, "two", {"k": "v"}]),
        ("${execution.setVariable('node', S(order).prop('lines'))}", None),
    ],
)  # fmt: skip
def test_what_leaves_an_expression_is_plain_data(text: str, expected: Any) -> None:
    scope = names(**DATA)
    assert compile(text).evaluate(scope) == expected
    assert scope["execution"].variables.get("node", [{"sku": "a"}]) == [{"sku": "a"}]


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("${", 3),
        ("${}", 3),
        ("${1 +}", 6),
        ("${a b}", 5),
        ("${a.}", 5),
        ("${a[1}", 6),
        ("${(1}", 5),
        ("${'abc}", 3),
        ("${a ? b}", 8),
        ("${a = 1}", 5),
        ("${a; b}", 4),
        ("${x -> x}", 6),
        ("${unknown(1)}", 3),
        ("${now(1)}", 3),
        ("${99999999999999999999}", 3),
        (r"${'\n'}", 4),
        ("${a instanceof b}", 5),
        ("text ${a @ b}", 10),
    ],
)
def test_a_text_that_is_no_expression_is_refused_with_its_column(text: str, column: int) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile(text)
    assert caught.value.column == column
    assert "Error parsing" in caught.value.message


def test_an_expression_knows_whether_it_is_literal_and_which_names_it_reads() -> None:
    assert compile("just text").is_literal
    assert compile(r"\${escaped}").is_literal
    assert not compile("a ${b.c} ${d[e].f(g)}").is_literal
    assert compile("a ${b.c} ${d[e].f(g)} ${now()}").names == {"b", "d", "e", "g"}


def test_the_same_text_is_read_once() -> None:
    assert compile("${cached + 1}") is compile("${cached + 1}")


def test_a_host_method_may_write() -> None:
    scope = names()
    compile("${execution.setVariable('b', 2)}").evaluate(scope)
    assert scope["execution"].variables == {"a": 1, "b": 2}


def test_a_condition_takes_a_boolean_and_nothing_else() -> None:
    assert coerce_boolean(True) is True
    assert coerce_boolean(False) is False
    with pytest.raises(ExpressionError, match="condition expression returns null: "):
        coerce_boolean(None, "${x}")
    for value in ("true", 1, [], 0.0):
        with pytest.raises(ExpressionError, match="condition expression returns non-Boolean"):
            coerce_boolean(value, "${x}")


WHOLE = st.integers(-(10**6), 10**6)
TREES = st.recursive(
    WHOLE.map(str),
    lambda inner: st.tuples(inner, st.sampled_from(["+", "-", "*"]), inner).map(
        lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"
    ),
    max_leaves=3,
)


@given(TREES)
def test_whole_number_arithmetic_agrees_with_python(tree: str) -> None:
    assert compile("${" + tree + "}").evaluate({}) == eval(tree)


@given(st.lists(st.tuples(st.sampled_from(["+", "-", "*"]), st.integers(0, 9)), min_size=1, max_size=12))
def test_precedence_agrees_with_python(chain: list[tuple[str, int]]) -> None:
    tree = "1 " + " ".join(f"{operator} {digit}" for operator, digit in chain)
    assert compile("${" + tree + "}").evaluate({}) == eval(tree)


@given(WHOLE, WHOLE.filter(bool))
def test_division_gives_back_the_dividend(one: int, other: int) -> None:
    value = compile("${(one - one % other) / other * other + one % other}").evaluate({"one": one, "other": other})
    assert value == pytest.approx(one)


@given(st.text(), st.text())
def test_text_of_any_kind_survives(one: str, other: str) -> None:
    assert compile("${one}").evaluate({"one": one}) == one
    assert compile("${one.concat(other).startsWith(one)}").evaluate({"one": one, "other": other}) is True


@given(st.text(alphabet="${}#'\"\\()[].?:!<>=&|+-*/% aeqnotmply019,", max_size=40))
def test_any_text_is_read_or_refused_but_never_breaks(text: str) -> None:
    with contextlib.suppress(ExpressionError):
        compile(text).evaluate({"a": [1], "e": {"a": "b"}, "q": None})


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_double_written_as_text_reads_back_as_itself(value: float) -> None:
    assert float(compile("<${v}>").evaluate({"v": value})[1:-1]) == value


# hypothesis wants them without a zone
EPOCH = (datetime(1900, 1, 1), datetime(2200, 1, 1))  # noqa: DTZ001
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_spin_reads_back_what_it_writes(value: Any) -> None:
    assert compile("${JSON(JSON(v).toString()).prop('v')}").evaluate({"v": {"v": value}}) == value


@given(JSON, JSON)
def test_equality_is_symmetric_and_ordering_is_total_where_it_is_defined(one: Any, other: Any) -> None:
    scope = {"a": one, "b": other}

    def said(text: str) -> Any:
        try:
            return compile(text).evaluate(scope)
        except ExpressionError:
            return "refused"

    assert said("${a == b}") == said("${b == a}")
    assert said("${a == a}") is True
    assert said("${a != b}") == (said("${a == b}") if said("${a == b}") == "refused" else not said("${a == b}"))
    assert said("${a < b}") == said("${b > a}")
    assert said("${a <= b}") == said("${b >= a}")
    if said("${a < b}") is True:
        assert said("${b < a}") is False


@given(st.datetimes(*EPOCH), st.integers(-1000, 1000))
def test_days_added_can_be_taken_off_again(moment: datetime, days: int) -> None:
    scope = {"m": moment.replace(tzinfo=UTC), "d": days}
    assert compile("${m.plusDays(d).minusDays(d).equals(m)}").evaluate(scope) is True
    assert compile("${m.plusDays(d).isBefore(m) == (d < 0)}").evaluate(scope) is True


@given(st.text(alphabet="ab.+*()[]\\^$|?{}1,", max_size=12), st.text(alphabet="ab.1,", max_size=20))
def test_any_pattern_is_used_or_refused_but_never_breaks(pattern: str, text: str) -> None:
    for method in ("matches(p)", "replaceAll(p, '-')", "split(p)", "replaceFirst('a', p)"):
        with contextlib.suppress(ExpressionError):
            compile(f"${{t.{method}}}").evaluate({"t": text, "p": pattern})


@given(st.text(alphabet="$@.[]*?()'\"=<>!&|abn0129 ,:-", max_size=30), JSON)
def test_any_jsonpath_is_followed_or_refused_but_never_breaks(path: str, value: Any) -> None:
    with contextlib.suppress(ExpressionError):
        compile("${S(v).jsonPath(p).element()}").evaluate({"v": {"a": value, "b": [value]}, "p": path})


@given(st.text(alphabet="/@.[]*()'=|abr:0129 ,-", max_size=30))
def test_any_xpath_is_followed_or_refused_but_never_breaks(path: str) -> None:
    with contextlib.suppress(ExpressionError):
        compile("${XML('<r a=\"1\"><b>x</b></r>').xPath(p).string()}").evaluate({"p": path})
