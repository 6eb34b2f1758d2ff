"""Groovy in diagrams and decision tables, as ModelOp's authors write it, through the whole service."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from mlc_service.language.groovy_toolchain import GroovySettings
from mlc_service.settings import Settings
from tests.process.world import CAMUNDA, running_world
from tests.unit.engine.driver import diagram, flows

SCRIPT = """
import com.modelop.sdk.dataobjects.v2.assets.FileAsset
import com.modelop.sdk.dataobjects.v2.assets.FileFormat

def asset = new FileAsset()
asset.setFilename("input.json")
asset.setFileFormat(FileFormat.JSON)
asset.setFileContent('{"x": 1}'.bytes)
execution.setVariable("INPUT_FILE", asset)
execution.setVariable("TAG", DEPLOYABLE_MODEL.metaData.tags.find { it.startsWith("cc-") })
"""

DIAGRAM = diagram(
    '<bpmn:startEvent id="s"/><bpmn:scriptTask id="t" scriptFormat="groovy"><bpmn:script><![CDATA['
    + SCRIPT
    + ']]></bpmn:script></bpmn:scriptTask><bpmn:userTask id="u"/>'
    + flows("s", "t", "u")
)

DMN = b"""<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="d" namespace="test">
  <decision id="standard" name="Standard tests"><decisionTable id="t" hitPolicy="COLLECT">
    <input id="i" label="f1_score"><inputExpression id="ie" typeRef="double"><text>f1_score</text></inputExpression></input>
    <output id="o" name="passes" typeRef="boolean"/>
    <rule id="r"><inputEntry id="c" expressionLanguage="groovy">
      <text>modelMethodology.equalsIgnoreCase("classification") &amp;&amp; f1_score &lt;= 0.6</text></inputEntry>
      <outputEntry id="e"><text>false</text></outputEntry></rule>
  </decisionTable></decision>
</definitions>"""


def test_groovy_scripts_and_cells_run_as_they_are(tmp_path: Path, groovy_folder: Path) -> None:
    groovy = GroovySettings(folder=groovy_folder)
    settings = replace(Settings(data=tmp_path, authentication=False, runs_jobs=False), groovy=groovy)
    with running_world(settings) as world:
        files = {"p.bpmn": ("p.bpmn", DIAGRAM), "d.dmn": ("d.dmn", DMN)}
        answer = world.http.post(f"{CAMUNDA}/deployment/create", files=files)
        assert answer.status_code == 200, answer.text
        model = {"metaData": {"tags": ["run_test", "cc-fraud"]}}
        start = {"variables": {"DEPLOYABLE_MODEL": {"value": model}}}
        started = world.http.post(f"{CAMUNDA}/process-definition/key/p/start", json=start)
        assert started.status_code == 200, started.text
        variables = world.get(f"{CAMUNDA}/process-instance/{started.json()['id']}/variables")
        assert variables["TAG"]["value"] == "cc-fraud"
        asset = variables["INPUT_FILE"]["value"]
        assert (asset["filename"], asset["fileFormat"], asset["assetType"]) == ("input.json", "JSON", "FILE")
        for methodology, f1, rows in [("Classification", 0.5, 1), ("Classification", 0.7, 0), ("Regression", 0.5, 0)]:
            body = {"variables": {"modelMethodology": {"value": methodology}, "f1_score": {"value": f1}}}
            decided = world.http.post(f"{CAMUNDA}/decision-definition/key/standard/evaluate", json=body)
            assert decided.status_code == 200, decided.text
            assert len(decided.json()) == rows


def test_without_groovy_the_deployment_says_how_to_get_it(tmp_path: Path) -> None:
    if shutil.which("java") and list(Path("/usr/share/java").glob("groovy*.jar")):
        pytest.skip("Debian's Groovy is installed on this machine, so Groovy is never absent here")
    nowhere = GroovySettings(folder=tmp_path / "none")
    settings = replace(Settings(data=tmp_path, authentication=False, runs_jobs=False), groovy=nowhere)
    with running_world(settings) as world:
        for name, content in (("p.bpmn", DIAGRAM), ("d.dmn", DMN)):
            answer = world.http.post(f"{CAMUNDA}/deployment/create", files={name: (name, content)})
            assert answer.status_code == 400
            assert "mlc groovy install" in answer.json()["message"]
        assert world.get(f"{CAMUNDA}/deployment") == []
