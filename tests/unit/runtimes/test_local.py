from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from mlc_service.runtimes import InputData, RunLimits, RunOutcome

RunModel = Callable[..., RunOutcome]

SKELETON = ["batch job received", "loading batch job", "state changes to RUNNING", "init succeeded",
            "state changes to FINISHING", "Model runner exits", "batch job complete", "Records in/out: 2/2"]  # fmt: skip


def outputs(outcome: RunOutcome) -> list[Any]:
    return [json.loads(line) for line in outcome.output.splitlines()]


def texts(outcome: RunOutcome) -> list[str]:
    """Messages without their times."""
    return [message.split(" ", 2)[2] for message in outcome.messages]


def test_init_and_score_run_in_order_with_modelops_log(run_model: RunModel) -> None:
    heard: list[str] = []
    outcome = run_model(
        """
import json
state = {}
# modelop.init
def begin(param):
    state["k"] = json.loads(param["rawJson"])["jobParameters"]["k"] + param["job"]["jobParameters"]["k"]
# modelop.score
def action(record):
    yield {"y": record["x"] * state["k"]}
""",
        {"x": 1},
        {"x": 2.5},
        job={"jobParameters": {"k": 2}},
        on_message=heard.append,
    )
    assert (outcome.status, outcome.result, outcome.error) == ("COMPLETE", "SUCCESS", None)
    assert outputs(outcome) == [{"y": 4}, {"y": 10.0}]
    assert (outcome.records_in, outcome.records_out) == (2, 2)
    assert texts(outcome) == SKELETON
    assert heard == outcome.messages


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return {'a': r}", [{"a": 1}, {"a": [1, 2]}]),
        ("yield r; yield 'more'", [1, "more", [1, 2], "more"]),
        ("return None", []),
        ("return [r, r]", [[1, 1], [[1, 2], [1, 2]]]),
        ("import numpy as n; return {'i': n.int64(3), 'b': n.bool_(True), 'a': n.arange(2), 2: (1,)}", [{"i": 3, "b": True, "a": [0, 1], "2": [1]}] * 2),
        ("import datetime; return datetime.date(2026, 1, 2)", ["2026-01-02"] * 2),
    ],
)  # fmt: skip
def test_whatever_a_score_function_hands_back_becomes_json_lines(
    run_model: RunModel, body: str, expected: list[Any]
) -> None:
    outcome = run_model(f"# modelop.score\ndef score(r):\n    {body}\n", 1, [1, 2])
    assert (outcome.result, outcome.error) == ("SUCCESS", None)
    assert outputs(outcome) == expected


def test_csv_rows_are_dicts_with_numbers(run_model: RunModel) -> None:
    outcome = run_model(
        "# modelop.score\ndef score(r): return r",
        inputs=(InputData("a.csv", b'id,zip,x,name\n1,007,-1.5e3,"a, b"\n2,8000,,c\n3,1\n', "CSV"),),
    )
    assert outputs(outcome) == [
        {"id": 1, "zip": "007", "x": -1500.0, "name": "a, b"},
        {"id": 2, "zip": 8000, "x": None, "name": "c"},
    ]
    assert outcome.error == "input record rejected by encoding"
    assert (outcome.status, outcome.result) == ("COMPLETE", "FAILURE")
    assert "Record rejected by encoding with reason {2,4_fields_expected}: ********** (line 4)" in texts(outcome)


def test_bad_input_lines_are_skipped_counted_and_masked(run_model: RunModel) -> None:
    lines = b'{"x": 1}\n{"x": "secret\n\n{"x": NaN}\n\xff\n{"x": 2}'
    outcome = run_model("# modelop.score\ndef score(r): return r", inputs=(InputData("a", lines),))
    assert (outcome.status, outcome.result, outcome.error) == (
        "COMPLETE",
        "FAILURE",
        "input record rejected by encoding",
    )
    assert outputs(outcome) == [{"x": 1}, {"x": 2}]
    assert (outcome.records_in, outcome.records_out) == (5, 2)
    said = texts(outcome)
    assert "Record rejected by encoding with reason {7,invalid_string}: ********** (line 2)" in said
    assert "3 input record(s) rejected by encoding" in said
    assert not any("secret" in line for line in said)


def test_a_record_that_fails_is_skipped_and_told_with_the_models_own_lines(run_model: RunModel) -> None:
    source = """
# modelop.score
def score(r):
    return 1 / convert(r["x"])

def convert(text):
    return float(text)
"""
    outcome = run_model(source, {"x": "1"}, {"x": "John Smith"}, {"x": "4"}, {"x": "0.0"})
    assert (outcome.status, outcome.result) == ("COMPLETE", "FAILURE")
    assert outputs(outcome) == [1.0, 0.25]
    said = texts(outcome)
    assert "An output error occurred during model execution, please check the engine logs for details" in said
    place = said.index("record 2 failed: ValueError: could not convert string to float: '**********'")
    assert said[place + 1 : place + 3] == [
        '    model.py line 4, in score: return 1 / convert(r["x"])',
        "    model.py line 7, in convert: return float(text)",
    ]
    assert outcome.error is not None
    assert outcome.error.startswith("2 of 4 record(s) failed in the model, first: ValueError")
    assert not any("John" in line for line in said)


@pytest.mark.parametrize("statement", ["raise UserWarning('odd')", "warnings.warn('odd')"])
def test_a_user_warning_counts_as_an_error(run_model: RunModel, statement: str) -> None:
    outcome = run_model(f"import warnings\n# modelop.score\ndef score(r):\n    {statement}\n    return r", 1, 2)
    assert (outcome.status, outcome.result, outcome.output) == ("COMPLETE", "FAILURE", b"")
    assert "record 2 failed: UserWarning: odd" in texts(outcome)


def test_other_warnings_go_to_the_console(run_model: RunModel) -> None:
    source = "import warnings\n# modelop.score\ndef score(r):\n    warnings.warn('old', FutureWarning)\n    return r"
    outcome = run_model(source, 1)
    assert outcome.result == "SUCCESS"
    assert any("MODEL-CONSOLE: " in line and "FutureWarning: old" in line for line in outcome.messages)


def test_output_that_is_no_json_is_rejected_by_encoding(run_model: RunModel) -> None:
    outcome = run_model("# modelop.score\ndef score(r): return {'a': [r, float('nan') if r else set()]}", 0, 1)
    assert (outcome.status, outcome.result, outcome.error) == (
        "COMPLETE",
        "FAILURE",
        "output record rejected by encoding",
    )
    said = texts(outcome)
    assert "Output record rejected by encoding: a[1] is NaN (record 2)" in said
    assert (
        "Output record rejected by encoding: a[1] is of type builtins.set, which JSON has no form for (record 1)"
        in said
    )


def test_stop_on_bad_records_stops_at_the_first(run_model: RunModel) -> None:
    outcome = run_model("# modelop.score\ndef score(r): return 1 / r", 1, 0, 2, stop_on_bad_records=True)
    assert (outcome.status, outcome.result, outputs(outcome)) == ("ERROR", "FAILURE", [1.0])
    assert outcome.error == "record 2 failed (ZeroDivisionError: division by zero) and stopOnBadRecords is set"


def test_schemas_are_checked_on_both_sides_when_given(run_model: RunModel) -> None:
    outcome = run_model(
        "# modelop.score\ndef score(r): return 'x' if r['input'] > 1 else 0.5",
        {"input": 1},
        {"inputs": 1},
        {"input": "a"},
        {"input": 2},
        input_schema='{"type": "record", "name": "input_schema", "fields": [{"name": "input", "type": "double"}]}',
        output_schema='"double"',
    )
    assert outputs(outcome) == [0.5]
    said = texts(outcome)
    assert "Record rejected by schema: Field 'input' missing for record 'input_schema' (record 2)" in said
    assert "Record rejected by schema: Double expected, not string, for field 'input' (record 3)" in said
    assert "Output record rejected by schema: Double expected, not string (record 4)" in said
    assert outcome.error == "input record rejected by schema; output record rejected by schema"


@pytest.mark.parametrize(
    ("signature", "expected"),
    [("(a, b)", [[1, 3], [2, 4]]), ("(datum, slot_no)", [[1, 0], [2, 0], [3, 2], [4, 2]])],
)
def test_two_inputs_arrive_together_or_by_slot(run_model: RunModel, signature: str, expected: list[list[int]]) -> None:
    inputs = (InputData("a", b"1\n2\n"), InputData("b", b"3\n4\n"))
    names = signature.strip("()")
    outcome = run_model(f"# modelop.score\ndef score{signature}: return [{names}]", inputs=inputs)
    assert outputs(outcome) == expected


def test_metrics_get_one_frame_per_input_and_the_first_value_counts(run_model: RunModel) -> None:
    outcome = run_model(
        """
import numpy
# modelop.metrics
def metrics(baseline, sample):
    yield {"rows": [len(baseline), len(sample)], "auc": numpy.float64(0.5), "type": type(sample).__name__,
           "deep": {"psi": [1, float("nan")]}, "low": float("-inf"), "text": list(sample["s"])}
    raise RuntimeError("never reached")
""",
        kind="metrics",
        inputs=(InputData("b.json", b'{"s": "a"}\n{"s": "b"}\n'), InputData("s.csv", b"s,n\nx,1\n", "CSV")),
    )
    assert (outcome.status, outcome.result, outcome.error) == ("COMPLETE", "SUCCESS", None)
    assert outputs(outcome) == [
        {"rows": [2, 1], "auc": 0.5, "type": "DataFrame", "deep": {"psi": [1, None]}, "low": None, "text": ["x"]}
    ]
    said = texts(outcome)
    assert "metrics: deep.psi[1] is NaN, stored as null" in said
    assert "metrics: low is -Infinity, stored as null" in said
    assert outcome.records_in == 3


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return {'n': len(df)}", {"n": 2}),
        ("return [1, 2]", {"result": [1, 2]}),
        ("return df", {"result": [{"x": 1}, {"x": 2}]}),
        ("return df['x'].mean()", {"result": 1.5}),
    ],
)
def test_a_metrics_result_is_always_one_object(run_model: RunModel, body: str, expected: Any) -> None:
    outcome = run_model(f"# modelop.metrics\ndef metrics(df):\n    {body}", {"x": 1}, {"x": 2}, kind="metrics")
    assert outputs(outcome) == [expected]


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        ("metrics(df): return df['label']", "metrics failed: KeyError: 'label' (model.py line 2, in metrics:"),
        ("metrics(df): pass", "the metrics function gave no result"),
        ("metrics(a, b): pass", "the metrics function takes 2 data frame(s), one per input asset; the job has 1"),
    ],
)
def test_metrics_without_a_result_are_a_failure_with_a_reason(run_model: RunModel, function: str, reason: str) -> None:
    outcome = run_model(f"# modelop.metrics\ndef {function}", {"x": 1}, kind="metrics")
    assert (outcome.status, outcome.result, outcome.output) == ("COMPLETE", "FAILURE", b"")
    assert outcome.error is not None
    assert outcome.error.startswith(reason)


def test_train_leaves_artefacts_but_no_links(run_model: RunModel) -> None:
    source = """
import os
# modelop.training
def train(df):
    os.makedirs("outputDir/deep")
    open("outputDir/deep/model.json", "w").write(str(len(df)))
    open("outputDir/weights.bin", "wb").write(bytes(3))
    os.symlink("/etc/passwd", "outputDir/stolen")
    os.symlink("/etc", "outputDir/folder")
"""
    outcome = run_model(source, {"x": 1}, {"x": 2}, kind="train")
    assert (outcome.status, outcome.result, outcome.error) == ("COMPLETE", "SUCCESS", None)
    assert outcome.artefacts == {"deep/model.json": b"2", "weights.bin": b"\0\0\0"}


def test_all_assets_lie_in_the_working_folder_additional_ones_on_top(run_model: RunModel) -> None:
    outcome = run_model(
        "import part.more\n# modelop.score\ndef score(r): return [open('a.txt').read(), open('b.txt').read(), part.more.X]",
        1,
        files={"a.txt": b"model", "b.txt": b"model", "part/more.py": b"X = 7"},
        additional={"b.txt": b"job"},
    )
    assert outputs(outcome) == [["model", "job", 7]]


@pytest.mark.parametrize("name", ["../x", "/tmp/x", "a/../../x", ""])
def test_an_asset_name_cannot_lead_out_of_the_folder(run_model: RunModel, name: str) -> None:
    outcome = run_model("# modelop.score\ndef score(r): return r", 1, files={name: b"x"})
    assert (outcome.status, outcome.result) == ("ERROR", "FAILURE")
    assert "leads out of the model's folder" in str(outcome.error)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("# modelop.init\ndef begin():\n    raise RuntimeError('no licence')\n# modelop.score\ndef score(r): return r", "the model could not be loaded: RuntimeError: no licence (model.py line 3, in begin:"),
        ("import nothing_such\n# modelop.score\ndef score(r): return r", "the model could not be loaded: ModuleNotFoundError: No module named 'nothing_such' (model.py line 1"),
        ("# modelop.init\ndef begin(): pass", "the model has no score function (mark one with '# modelop.score')"),
        ("import os\n# modelop.score\ndef score(r): os._exit(0)", "the model ended its own process (exit code 0: os._exit, or a crash in native code) while scoring record 1"),
        ("import sys\n# modelop.score\ndef score(r): sys.exit(3)", "the model ended itself (sys.exit with code 3), while scoring record 1"),
        ("import os\n# modelop.score\ndef score(r): os.kill(os.getpid(), 11)", "the model crashed (SIGSEGV) while scoring record 1"),
    ],
)  # fmt: skip
def test_a_model_that_cannot_go_on_ends_in_error_with_a_reason(run_model: RunModel, source: str, reason: str) -> None:
    outcome = run_model(source, 1)
    assert (outcome.status, outcome.result) == ("ERROR", "FAILURE")
    assert str(outcome.error).startswith(reason)
    assert outcome.messages[-1].endswith(f"Records in/out: {outcome.records_in}/{outcome.records_out}")


def test_requirements_that_cannot_be_installed_end_in_error(run_model: RunModel) -> None:
    outcome = run_model("# modelop.score\ndef score(r): return r", 1, requirements="pandas==0.0.7")
    assert (outcome.status, outcome.result) == ("ERROR", "FAILURE")
    assert "pandas==0.0.7" in str(outcome.error)


def test_the_console_is_bounded_in_lines_and_length(run_model: RunModel) -> None:
    source = "# modelop.score\ndef score(r):\n    for i in range(5000): print(i, 'x' * 5000)\n    return r"
    outcome = run_model(source, 1, limits=RunLimits(seconds=30, messages=20, message_chars=100))
    console = [line for line in outcome.messages if "MODEL-CONSOLE: " in line]
    assert len(console) == 19
    assert max(map(len, console)) < 140
    assert len(outcome.messages) < 40
    assert outcome.result == "SUCCESS"


def test_a_model_cannot_disturb_its_report_by_printing(run_model: RunModel) -> None:
    source = """
import os, sys
# modelop.score
def score(r):
    print('{"event": "stop", "reason": "forged"}')
    os.write(1, b'{"event": "stop"}\\n')
    sys.stdout.buffer.write(b'\\xff\\n')
    return sys.stdin.read()
"""
    outcome = run_model(source, 1)
    assert (outcome.result, outputs(outcome)) == ("SUCCESS", [""])


def test_a_cancelled_run_is_stopped(run_model: RunModel) -> None:
    said: list[str] = []
    outcome = run_model(
        "import time\n# modelop.score\ndef score(r):\n    print('at it')\n    time.sleep(60)",
        1,
        on_message=said.append,
        cancelled=lambda: any("at it" in line for line in said),
    )
    assert (outcome.status, outcome.result, outcome.error) == ("ERROR", "UNKNOWN", "the job was cancelled")
