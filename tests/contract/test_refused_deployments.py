"""What `deployment/create` answers to files that cannot run: 400 in Camunda's form, with a place, and nothing stored."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlc_service.settings import Settings
from tests.process.world import CAMUNDA, DIAGRAM, World, running_world

GOOD = DIAGRAM.read_bytes()

REFUSED = {
    "not XML": (b"hello", "not well-formed XML", None),
    "nothing at all": (b"", "not well-formed XML", None),
    "cut-off XML": (GOOD[: len(GOOD) // 2], "not well-formed XML", None),
    "an XML bomb": (
        b'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]><d>&c;</d>',
        "DOCTYPE", None,
    ),
    "an external entity": (
        b'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><d>&x;</d>', "DOCTYPE", None,
    ),
    "a dangling flow": (GOOD.replace(b'targetRef="ReadFlags"', b'targetRef="Nowhere"'), "'Nowhere' is no element", "Flow_Submitted_ReadFlags"),
    "an unknown delegate": (GOOD.replace(b"${createModelTestResult}", b"${createModelTestResutl}"),
                            "unknown delegate 'createModelTestResutl'; did you mean 'createModelTestResult'?", "StoreTestResult"),
    "a broken expression": (GOOD.replace(b"${TRAIN}", b"${TRAIN &amp;&amp;}"), "condition", "Flow_TrainingAsked_CreateTrainJob"),
    "a broken timer": (GOOD.replace(b"PT30S", b"30 seconds"), "timer '30 seconds'", "TrainJobPollTimer"),
    "an unknown signal": (GOOD.replace(b'<bpmn:signal id="Signal_job_status_changed"', b'<bpmn:signal id="Signal_other"'),
                          "unknown signal 'Signal_job_status_changed'", "TrainJobChangedSignal"),
    "a duplicate id": (GOOD.replace(b'id="RejectDmn"', b'id="RejectReview"'), "duplicate id 'RejectReview'", "RejectReview"),
    "an element we do not run": (GOOD.replace(b"bpmn:exclusiveGateway", b"bpmn:complexGateway"), "<bpmn:complexGateway> is not supported", "TrainingAsked"),
}  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("refused")
    with running_world(Settings(data=folder / "data", authentication=False, runs_jobs=False)) as running:
        yield running


@pytest.mark.parametrize("case", REFUSED)
def test_a_file_that_cannot_run_is_refused_with_its_place_and_nothing_is_stored(case: str, world: World) -> None:
    source, message, element_id = REFUSED[case]
    assert source != GOOD
    answer = world.http.post(
        f"{CAMUNDA}/deployment/create",
        files=[
            ("deployment-name", (None, case)),
            ("deployment-source", (None, "Camunda Modeler")),
            ("enable-duplicate-filtering", (None, "true")),
            ("broken.bpmn", ("broken.bpmn", source, "text/xml")),
            ("fine.bpmn", ("fine.bpmn", GOOD, "text/xml")),
        ],
    )
    assert answer.status_code == 400, answer.text
    body = answer.json()
    assert body["type"] == "ParseException"
    assert body["message"].startswith("ENGINE-09005 Could not parse BPMN process. Errors: \n* ")
    assert message in body["message"]
    assert "| resource broken.bpmn | line " in body["message"]
    problems = [one for one in body["details"]["broken.bpmn"]["errors"] if message in one["message"]]
    assert problems
    assert problems[0]["line"] >= 1
    assert problems[0]["column"] >= 1
    assert problems[0]["mainElementId"] == element_id
    assert problems[0]["elementIds"] == problems[0]["еlementIds"] == ([element_id] if element_id else [])
    assert world.get(f"{CAMUNDA}/deployment") == []
    assert world.get(f"{CAMUNDA}/process-definition") == []


def test_a_broken_decision_table_names_decision_rule_and_cell(world: World) -> None:
    source = (
        b'<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="d" namespace="x">\n'
        b'<decision id="check" name="check"><decisionTable id="t">\n<input id="i" label="auc"><inputExpression id="e"><text>auc</text>'
        b'</inputExpression></input><output id="o" name="passes"/>\n<rule id="r1"><inputEntry id="c1">'
        b'<text>if &lt;0 or &gt;10 then true else false</text></inputEntry><outputEntry id="c2"><text>true</text></outputEntry></rule>'
        b"</decisionTable></decision></definitions>"
    )
    answer = world.http.post(f"{CAMUNDA}/deployment/create", files={"broken.dmn": ("broken.dmn", source)})
    assert answer.status_code == 400, answer.text
    message = answer.json()["message"]
    for part in ("check", "rule 1", "r1", "auc", "line 4"):
        assert part in message
    assert world.get(f"{CAMUNDA}/deployment") == []
