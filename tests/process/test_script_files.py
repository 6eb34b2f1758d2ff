"""Scripts in files of their own, deployed with the diagram."""

from __future__ import annotations

from pathlib import Path

from mlc_service.settings import Settings
from tests.process.world import CAMUNDA, running_world
from tests.unit.engine.driver import diagram, flows

DIAGRAM = diagram(
    '<bpmn:startEvent id="s"/><bpmn:scriptTask id="t" scriptFormat="python" camunda:resource="deployment://double.py"'
    ' camunda:resultVariable="r"/><bpmn:userTask id="u"/>' + flows("s", "t", "u")
)


def test_a_script_file_runs_as_deployed_also_after_a_restart(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, authentication=False, runs_jobs=False)
    start = {"variables": {"n": {"value": 21}}}
    with running_world(settings) as world:
        files = {"p.bpmn": ("p.bpmn", DIAGRAM), "double.py": ("double.py", b"n * 2")}
        deployed = world.http.post(f"{CAMUNDA}/deployment/create", files=files)
        assert deployed.status_code == 200, deployed.text
        first = world.http.post(f"{CAMUNDA}/process-definition/key/p/start", json=start).json()
        assert world.get(f"{CAMUNDA}/process-instance/{first['id']}/variables")["r"]["value"] == 42
    with running_world(settings) as world:
        second = world.http.post(f"{CAMUNDA}/process-definition/key/p/start", json=start).json()
        assert world.get(f"{CAMUNDA}/process-instance/{second['id']}/variables")["r"]["value"] == 42


def test_a_missing_script_file_is_refused(tmp_path: Path) -> None:
    with running_world(Settings(data=tmp_path, authentication=False, runs_jobs=False)) as world:
        answer = world.http.post(f"{CAMUNDA}/deployment/create", files={"p.bpmn": ("p.bpmn", DIAGRAM)})
        assert answer.status_code == 400
        assert "the deployment has no resource 'double.py'" in answer.json()["message"]


def test_feel_is_a_script_format_and_full_python_has_to_be_allowed(tmp_path: Path) -> None:
    def process(language: str, script: str) -> bytes:
        return diagram(
            f'<bpmn:startEvent id="s"/><bpmn:scriptTask id="t" scriptFormat="{language}" camunda:resultVariable="r">'
            f'<bpmn:script>{script}</bpmn:script></bpmn:scriptTask><bpmn:userTask id="u"/>' + flows("s", "t", "u")
        )

    with running_world(Settings(data=tmp_path, authentication=False, runs_jobs=False)) as world:
        feel = process("feel", "sum(for x in scores return x * 2)")
        answer = world.http.post(f"{CAMUNDA}/deployment/create", files={"p.bpmn": ("p.bpmn", feel)})
        assert answer.status_code == 200, answer.text
        start = {"variables": {"scores": {"value": [1, 2, 3]}}}
        started = world.http.post(f"{CAMUNDA}/process-definition/key/p/start", json=start).json()
        assert world.get(f"{CAMUNDA}/process-instance/{started['id']}/variables")["r"]["value"] == 12
        for language, script, message in [
            ("feel", "for x in", "feel script"),
            ("python-full", "1", "an administrator can allow them (MLC_FULL_PYTHON=1)"),
        ]:
            broken = process(language, script)
            refused = world.http.post(f"{CAMUNDA}/deployment/create", files={"p.bpmn": ("p.bpmn", broken)})
            assert refused.status_code == 400
            assert message in refused.json()["message"]
