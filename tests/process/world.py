"""A whole service with everything real but the people: it deploys, registers, watches and decides over HTTP."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from mlc_service import server
from mlc_service.app import Service
from mlc_service.settings import Settings
from tests.waiting import T, until

CAMUNDA = "/mlc-service/rest"
MODELS = "/model-manage/api"
PROCESS = "Deploy_with_run_test_and_Jira"
DIAGRAM = Path(__file__).parents[2] / "processes" / "deploy_with_test_and_jira" / "deploy_with_test_and_jira.bpmn"
SERVICE_TAG = "credit"
PATIENCE_SECONDS = 60.0

MODEL = """
import json

# modelop.init
def begin():
    global factor
    factor = 2

# modelop.score
def action(record):
    return {"score": record["x"] * factor}

# modelop.metrics
def metrics(df):
    yield {"accuracy": float((df["label_value"] == df["score"]).mean()), "record_count": int(len(df))}

# modelop.train
def train(df):
    with open("outputDir/weights.json", "w") as file:
        json.dump({"mean": float(df["x"].mean())}, file)
"""
# three of four labels are right
LABELLED = "".join(f'{{"x": {n}, "label_value": {n % 2}, "score": {(n % 2) if n else 1}}}\n' for n in range(4))

DMN = """<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" xmlns:camunda="http://camunda.org/schema/1.0/dmn"
  id="thresholds" name="thresholds" namespace="test">
  <decision id="comparator" name="comparator"><decisionTable id="table" hitPolicy="COLLECT">
    <input id="i" label="accuracy" camunda:inputVariable="accuracy">
      <inputExpression id="ie" typeRef="double"><text></text></inputExpression></input>
    <output id="o1" name="passes" typeRef="boolean"/><output id="o2" name="reason" typeRef="string"/>
    <rule id="r1"><inputEntry id="e1"><text>&lt; {threshold}</text></inputEntry>
      <outputEntry id="e2"><text>false</text></outputEntry>
      <outputEntry id="e3"><text>"accuracy is under {threshold}"</text></outputEntry></rule>
  </decisionTable></decision>
</definitions>
"""


class World:
    """One running service and its people."""

    def __init__(self, address: str, service: Service | None = None) -> None:
        self.address = address
        self.service = service
        self.http = httpx2.Client(base_url=address, timeout=30.0)

    # -- what people do -----------------------------------------------------------------------------------------------

    def deploy(self, *files: Path) -> dict[str, Any]:
        parts = [(file.name, (file.name, file.read_bytes(), "text/xml")) for file in files or (DIAGRAM,)]
        answer = self.http.post(f"{CAMUNDA}/deployment/create", files=[("deployment-name", (None, "test")), *parts])
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def runtime(self, name: str = "credit-batch", *, online: bool = False, tag: str = SERVICE_TAG) -> dict[str, Any]:
        endpoints = [{"endpointType": "REST", "encoding": "JSON"}] if online else []
        return self._post(
            f"{MODELS}/engines",
            {"name": name, "tags": [tag], "inputEndpoints": endpoints, "outputEndpoints": endpoints},
        )

    def model(
        self, source: str = MODEL, *, test_data: str | None = LABELLED, threshold: float | None = 0.7
    ) -> dict[str, Any]:
        assets = [
            {"assetType": "SOURCE_CODE", "assetRole": "MODEL_SOURCE", "filename": "model.py", "name": "model.py",
             "primaryModelSource": True, "sourceCode": source},
            _file("training.json", "TRAINING_DATA", LABELLED),
        ]  # fmt: skip
        if test_data is not None:
            assets.append(_file("test.json", "TEST_DATA", test_data))
        if threshold is not None:
            assets.append(_file("thresholds.dmn", "TEST_RESULT_COMPARATOR", DMN.replace("{threshold}", str(threshold))))
        return self._post(
            f"{MODELS}/storedModels",
            {"modelMetaData": {"name": "Credit", "type": "PYTHON3", "modelRisk": "High"}, "modelAssets": assets},
        )

    def snapshot(self, model: dict[str, Any], *tags: str) -> dict[str, Any]:
        return self._post(
            f"{MODELS}/deployableModels",
            {"storedModel": {"id": model["id"]}, "metaData": {"name": "Credit v1", "tags": [*tags, SERVICE_TAG]}},
        )

    def move(self, ticket: dict[str, Any], status: str, comment: str = "") -> None:
        self._post(f"/board/api/tickets/{ticket['key']}/move", {"status": status, "comment": comment})

    # -- what can be seen ---------------------------------------------------------------------------------------------

    def get(self, path: str, **query: Any) -> Any:
        answer = self.http.get(path, params=query)
        assert answer.is_success, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    def documents(self, plural: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get(f"{MODELS}/{plural}", size=100)["_embedded"][plural]
        return found

    def tickets(self) -> list[dict[str, Any]]:
        """Every ticket of the board, oldest first."""
        return list(reversed(self.get("/board/api/tickets")))

    def instances(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get(
            f"{CAMUNDA}/history/process-instance", processDefinitionKey=PROCESS, sortBy="startTime", sortOrder="asc"
        )
        return found

    def variables(self, instance_id: str) -> dict[str, Any]:
        """The last values of a running or ended instance."""
        rows = self.get(f"{CAMUNDA}/history/variable-instance", processInstanceId=instance_id)
        return {row["name"]: row["value"] for row in rows}

    def activities(self, instance_id: str) -> list[str]:
        rows = self.get(f"{CAMUNDA}/history/activity-instance", processInstanceId=instance_id)
        return [row["activityId"] for row in rows]

    # -- waiting ------------------------------------------------------------------------------------------------------

    def until(self, what: str, look: Callable[[], T | None], seconds: float = PATIENCE_SECONDS) -> T:
        return until(what, look, seconds, self.report)

    def ticket(self, number: int = 1) -> dict[str, Any]:
        """The ticket of that number, once it is there."""
        return self.until(f"ticket {number}", lambda: next((t for t in self.tickets() if t["number"] == number), None))

    def ended(self) -> dict[str, Any]:
        """The one instance of the process, once it is over."""

        def look() -> dict[str, Any] | None:
            instances = self.instances()
            assert len(instances) <= 1
            return instances[0] if instances and instances[0]["endTime"] else None

        instance = self.until("the end of the process", look)
        assert instance["state"] == "COMPLETED"
        return instance

    def outcome(self) -> Any:
        """OUTCOME of the one instance, once it is over."""
        return self.variables(self.ended()["id"])["OUTCOME"]

    def report(self) -> str:
        """What a person would look at if it hangs."""
        lines = [f"instances: {self.instances()}"]
        lines += [f"active: {self.activities(one['id'])[-3:]}" for one in self.instances()]
        lines += [f"job: {job}" for job in self.get(f"{CAMUNDA}/job")]
        lines += [f"incident: {incident}" for incident in self.get(f"{CAMUNDA}/incident")]
        lines += [f"model job: {job['jobStatus']} {job['jobMessages'][-3:]}" for job in self.documents("jobs")]
        return "\n".join(lines)

    def _post(self, path: str, body: Any) -> dict[str, Any]:
        answer = self.http.post(path, json=body)
        assert answer.is_success, f"{path}: {answer.status_code} {answer.text}"
        return dict(answer.json())


def _file(name: str, role: str, content: str) -> dict[str, Any]:
    return {
        "assetType": "FILE",
        "assetRole": role,
        "filename": name,
        "name": name,
        "fileFormat": "JSON" if name.endswith(".json") else "TEXT",
        "fileContent": base64.b64encode(content.encode()).decode(),
    }


@contextmanager
def running_world(settings: Settings) -> Iterator[World]:
    """A service with these settings, on a free port, without log-in."""
    listener = server.listen("127.0.0.1", 0)
    service = Service(settings)
    try:
        with server.Background(service.app, listener):
            service.start()
            world = World(f"http://127.0.0.1:{server.port_of(listener)}", service)
            try:
                yield world
            finally:
                world.http.close()
    finally:
        service.stop()
