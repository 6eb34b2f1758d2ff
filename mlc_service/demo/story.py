"""The story: what a team does with a new model, and what the service does with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mlc_service.demo.client import CAMUNDA, MODELS, Client, StepFailed
from mlc_service.demo.example import RUNTIME, SERVICE_TAG, Example, shipped

PROCESS = "Deploy_with_run_test_and_Jira"
_JOB_SECONDS = 240.0
_STEP_SECONDS = 60.0
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the timeline: an activity, how often it ran and how long in all."""

    name: str
    who: str
    began: str
    times: int
    milliseconds: int


class Story:
    """Tells and does; every method raises StepFailed if what it tells does not happen."""

    def __init__(self, client: Client, example: Example, say: Say) -> None:
        self._client = client
        self._example = example
        self._say = say
        self.instance_id = ""
        self._ticket: dict[str, Any] = {}
        self._reviewer = ""

    def deploy_process(self) -> None:
        file = shipped("processes", "deploy_with_test_and_jira", "deploy_with_test_and_jira.bpmn")
        deployed = self._client.deploy(file)["deployedProcessDefinitions"] or {}
        names = [f"{one['name']} version {one['version']}" for one in deployed.values()]
        _expect(len(names) == 1, f"one process should be deployed, found {names}")
        self._say(f"{names[0]}, from {file.name}")

    def register_runtime(self) -> None:
        endpoint = {"endpointType": "REST", "encoding": "JSON", "path": f"/{RUNTIME}/api/roundtrip/0/1"}
        runtime = self._client.post(
            f"{MODELS}/engines",
            {
                "name": RUNTIME,
                "tags": [SERVICE_TAG],
                "environmentName": "prod",
                "inputEndpoints": [endpoint],
                "outputEndpoints": [endpoint],
            },
        )
        self._say(f"{runtime['name']} with a REST endpoint and the service tag {SERVICE_TAG}")

    def register_model(self) -> dict[str, Any]:
        model: dict[str, Any] = self._client.post(f"{MODELS}/storedModels", self._example.document())
        source = next(asset for asset in model["modelAssets"] if asset.get("primaryModelSource"))
        found = [source.get(f"{name}Function") for name in ("init", "score", "metrics", "train")]
        _expect(all(found), f"model.py should have init, score, metrics and train, found {found}")
        self._say(
            f"{model['modelMetaData']['name']}: {len(model['modelAssets'])} assets; functions init={found[0]}, "
            f"score={found[1]}, metrics={found[2]}, train={found[3]}"
        )
        return model

    def create_snapshot(self, model: dict[str, Any]) -> dict[str, Any]:
        tags = ["train", "run_test", "jira", SERVICE_TAG]
        snapshot: dict[str, Any] = self._client.post(
            f"{MODELS}/deployableModels",
            {"storedModel": {"id": model["id"]}, "metaData": {"name": "Breast cancer v1", "tags": tags}},
        )
        self._say(f"{snapshot['metaData']['name']} tagged {', '.join(tags)}")
        return snapshot

    def find_instance(self, snapshot: dict[str, Any]) -> None:
        def look() -> str | None:
            for instance in self._client.get(f"{CAMUNDA}/process-instance", processDefinitionKey=PROCESS):
                variable = self._client.get(f"{CAMUNDA}/process-instance/{instance['id']}/variables")
                started_for = (variable.get("DEPLOYABLE_MODEL") or {}).get("value") or {}
                if started_for.get("id") == snapshot["id"]:
                    return str(instance["id"])
            return None

        self.instance_id = self._client.until("the snapshot's process", look, _STEP_SECONDS)
        self._say(f"process instance {self.instance_id}")

    def watch_training(self) -> None:
        job = self._finished_job("MODEL_BATCH_TRAINING_JOB")
        self._say(f"{job['jobStatus']}/{job['jobResult']} on runtime {job['targetEngine']['name']}")

    def watch_metrics(self) -> None:
        job = self._finished_job("MODEL_BATCH_TEST_JOB")
        self._say(f"{job['jobStatus']}/{job['jobResult']} on runtime {job['targetEngine']['name']}")

    def read_test_result(self) -> None:
        def look() -> dict[str, Any] | None:
            found: list[dict[str, Any]] = self._embedded("modelTestResults")
            return found[0] if found else None

        results = self._client.until("the test result", look, _STEP_SECONDS)["testResults"]
        shown = {name: results[name] for name in ("auc", "precision", "recall", "f1_score")}
        self._say(", ".join(f"{name} {value:.3f}" for name, value in shown.items()))

    def read_decision(self) -> None:
        def look() -> dict[str, Any] | None:
            variables = self._client.get(f"{CAMUNDA}/process-instance/{self.instance_id}/variables")
            return variables if "TEST_RESULT" in variables else None

        variables = self._client.until("the decision", look, _STEP_SECONDS)
        _expect(variables["TEST_RESULT"]["value"] is True, "the DMN should let this model pass")
        self._say("every threshold is met (thresholds_pass.dmn)")

    def read_ticket(self) -> None:
        def look() -> dict[str, Any] | None:
            tickets: list[dict[str, Any]] = self._client.get("/board/api/tickets", status="Open")
            return tickets[0] if tickets else None

        ticket = self._client.until("the review ticket", look, _STEP_SECONDS)
        text = ticket["description"]
        for fact in ("Breast cancer diagnosis", "auc", "recall", "thresholds_pass.dmn"):
            _expect(fact in text, f"the review ticket should tell {fact!r}")
        self._ticket = ticket
        self._say(
            f"{ticket['key']}: {ticket['summary']} ({len(text.splitlines())} lines: model facts, changes, results)"
        )

    def approve(self, user_id: str) -> None:
        words = "Recall on malignant tumours is what we need. Approved."
        moved = self._client.post(
            f"/board/api/tickets/{self._ticket['key']}/move", {"status": "Done", "comment": words}
        )
        _expect(moved["status"] == "Done", "the ticket should be Done")
        self._reviewer = user_id
        self._say(f"{self._ticket['key']} is Done, by {user_id}: “{words}”")

    def watch_deployment(self) -> None:
        def look() -> dict[str, Any] | None:
            found: dict[str, Any] = self._client.get(f"{CAMUNDA}/history/process-instance/{self.instance_id}")
            return found if found["endTime"] else None

        ended = self._client.until("the end of the process", look, _STEP_SECONDS)
        _expect(ended["state"] == "COMPLETED", f"the process should complete, it is {ended['state']}")
        deployed = [one for one in self._embedded("deployedModels") if one["state"] == "DEPLOYED"]
        _expect(len(deployed) == 1, f"one model should be deployed, found {len(deployed)}")
        self._say(f"online on runtime {deployed[0]['engine']['name']}")

    def score(self) -> None:
        for record in self._example.records("test_data.json")[:2]:
            truth = record.pop("label_value")
            answer = self._client.post(f"/{RUNTIME}/api/roundtrip/0/1", record)
            _expect(isinstance(answer, dict) and "score" in answer, f"the model should answer a score, got {answer}")
            self._say(f"record {record['id']}: {answer} (truth: {truth})")

    def timeline(self) -> list[Step]:
        """Every activity of the process that took somebody's time, in order: which, who, how often, how long."""
        activities = self._client.get(
            f"{CAMUNDA}/history/activity-instance",
            processInstanceId=self.instance_id,
            finished="true",
            sortBy="occurrence",
            sortOrder="asc",
        )
        steps: dict[str, Step] = {}
        for one in activities:
            if not one["activityType"].endswith("Task"):
                continue
            known = steps.get(one["activityId"])
            steps[one["activityId"]] = Step(
                one["activityName"] or one["activityId"],
                self._who(one),
                known.began if known else one["startTime"],
                known.times + 1 if known else 1,
                one["durationInMillis"] + (known.milliseconds if known else 0),
            )
        _expect(len(steps) > 10, f"the timeline should have more than ten steps, it has {len(steps)}")
        return list(steps.values())

    def _who(self, activity: dict[str, Any]) -> str:
        if activity["activityId"].startswith("WaitForReview"):
            return self._reviewer
        if activity["activityId"].startswith("WaitFor"):
            return "runtime local"
        return activity["assignee"] or "MLC Service"

    def _finished_job(self, job_type: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            jobs = [one for one in self._embedded("jobs") if one["jobType"] == job_type]
            over = [one for one in jobs if one["jobStatus"] in ("COMPLETE", "ERROR", "CANCELLED")]
            return over[0] if over else None

        job = self._client.until(job_type, look, _JOB_SECONDS)
        if (job["jobStatus"], job["jobResult"]) != ("COMPLETE", "SUCCESS"):
            raise StepFailed(f"{job_type} ended {job['jobStatus']}/{job['jobResult']}: {job['jobMessages'][-3:]}")
        return job

    def _embedded(self, plural: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._client.get(f"{MODELS}/{plural}")["_embedded"][plural]
        return found


def _expect(holds: bool, message: str) -> None:
    if not holds:
        raise StepFailed(message)
