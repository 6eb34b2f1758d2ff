"""Cells in script languages: JavaScript and Python in their sandboxes, Groovy as soon as it runs here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from mlc_service.dmn import Decision, DecisionError, parse_dmn
from mlc_service.language import ScriptError, scripts

Table = Callable[..., str]
File = Callable[..., bytes]


@pytest.fixture(scope="module")
def runner() -> Iterator[scripts.ScriptRunner]:
    running = scripts.ScriptRunner()
    yield running
    running.close()


def decision_in(language: str, table: Table, dmn_file: File, *rules: tuple[str, ...], inputs: list[str]) -> Decision:
    source = dmn_file(table(inputs, ["passes", "reason"], *rules))
    for cell in ("inputEntry", "outputEntry"):
        source = source.replace(f"<{cell} ".encode(), f'<{cell} expressionLanguage="{language}" '.encode())
    (decision,) = parse_dmn(source, "a.dmn")
    return decision


@pytest.mark.parametrize(
    ("language", "condition"),
    [
        ("javascript", "f1_score <= 0.6 && methodology.toLowerCase() === 'classification'"),
        ("python", "f1_score <= 0.6 and methodology.lower() == 'classification'"),
        ("Groovy", "f1_score <= 0.6 && methodology.equalsIgnoreCase('classification')"),
    ],
)
def test_a_cell_is_a_condition_over_the_variables(
    language: str, condition: str, table: Table, dmn_file: File, runner: scripts.ScriptRunner
) -> None:
    if scripts.check(language, "1") is not None:
        pytest.skip(f"{language} is not run here")
    decision = decision_in(language, table, dmn_file, (condition, "1 > 2", "'low'"), inputs=["f1_score"])
    low = {"f1_score": 0.5, "methodology": "Classification"}
    assert decision.evaluate(low, runner).rows == [{"passes": False, "reason": "low"}]
    assert decision.evaluate({**low, "f1_score": 0.7}, runner).rows == []
    assert decision.evaluate({**low, "methodology": "other"}, runner).rows == []


def test_a_cell_sees_its_column_and_may_answer_the_value(
    table: Table, dmn_file: File, runner: scripts.ScriptRunner
) -> None:
    rules = [("cellInput * 2 === 10", "true", "'five'"), ("limit", "true", "'at the limit'")]
    decision = decision_in("javascript", table, dmn_file, *rules, inputs=["x"])
    reasons = [row["reason"] for row in decision.evaluate({"x": 5, "limit": 5}, runner).rows]
    assert reasons == ["five", "at the limit"]


def test_without_a_runner_of_the_caller_the_process_has_its_own(table: Table, dmn_file: File) -> None:
    decision = decision_in("javascript", table, dmn_file, ("x > 1", "true", "''"), inputs=["x"])
    assert len(decision.evaluate({"x": 2}).rows) == 1


def test_a_failing_script_is_an_error_that_names_the_cell(
    table: Table, dmn_file: File, runner: scripts.ScriptRunner
) -> None:
    decision = decision_in("javascript", table, dmn_file, ("gone.value > 1", "true", "''"), inputs=["x"])
    with pytest.raises(DecisionError) as caught:
        decision.evaluate({"x": 2}, runner)
    assert (caught.value.rule, caught.value.cell) == ("1 (r1)", "input 'x'")


def test_a_script_that_throws_a_bpmn_error_has_no_answer(
    table: Table, dmn_file: File, runner: scripts.ScriptRunner
) -> None:
    decision = decision_in("javascript", table, dmn_file, ("throw new BpmnError('c')", "true", "''"), inputs=["x"])
    with pytest.raises(DecisionError, match="threw the BPMN error 'c'"):
        decision.evaluate({"x": 2}, runner)


class _Recorder:
    """A runner that runs nothing and answers true, or fails."""

    def __init__(self, error: ScriptError | None = None) -> None:
        self.asked: list[tuple[str, str, Mapping[str, Any]]] = []
        self._error = error

    def run(self, language: str, source: str, variables: Mapping[str, Any]) -> Any:
        self.asked.append((language, source, variables))
        if self._error is not None:
            raise self._error
        return SimpleNamespace(result=True, error=None)


def test_a_script_sees_all_variables_and_null_for_names_the_file_declares(table: Table, dmn_file: File) -> None:
    data = '<inputData id="i" name="f1_score"/><inputData id="j" name="two words"/>'
    source = dmn_file(data, table(["x"], ["passes"], ("go", "true"))).replace(
        b"<inputEntry ", b'<inputEntry expressionLanguage="javascript" '
    )
    (decision,) = parse_dmn(source, "a.dmn")
    recorder = _Recorder()
    decision.evaluate({"x": 1, "deep": {"a": [1]}, "__now__": 5}, recorder)
    ((language, text, variables),) = recorder.asked
    assert (language, text) == ("javascript", "go")
    expected = {"f1_score": None, "check": None, "x": 1, "deep": {"a": [1]}, "cellInput": 1}
    assert {name: variables[name] for name in expected} == expected
    assert not {"__now__", "two words"} & set(variables)


def test_scripts_are_counted(table: Table, dmn_file: File) -> None:
    rules = [("go", "true", "''")] * 1_100
    decision = decision_in("javascript", table, dmn_file, *rules, inputs=["x"])
    with pytest.raises(DecisionError, match="more than 1000000 steps"):
        decision.evaluate({"x": 1}, _Recorder())
