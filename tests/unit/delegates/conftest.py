"""Ports that remember what was asked of them, and a way to run one delegate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import delegates
from mlc_service.delegate_api import (
    DelegateExecution,
    DelegateRegistry,
    Ports,
    Refused,
    RuntimeMatching,
    TicketOrder,
    Verdict,
)


class FakePorts:
    """Plays every port; `calls` lists writes as (what, given, key)."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any, str]] = []
        self.snapshot: dict[str, Any] = {"id": "s1", "group": "g", "storedModel": {"id": "m1"}}
        self.job: dict[str, Any] = {"id": "j1", "jobType": "MODEL_BATCH_TEST_JOB", "jobStatus": "CREATED"}
        self.results: list[dict[str, Any]] = [{"testResults": {"auc": 0.8}}, {"testResults": {"auc": 0.9}}]
        self.judged = Verdict(False, "auc too low", ("auc too low",), "t.dmn")
        self.refusal = ""

    def ports(self) -> Ports:
        return Ports(self.Snapshots(self), self.Jobs(self), self.Results(self), self, self, self)

    def wrote(self, what: str, given: Any, key: str) -> None:
        if self.refusal:
            raise Refused(self.refusal)
        self.calls.append((what, given, key))

    # runtimes
    def with_tag(self, tag: str) -> list[dict[str, Any]]:
        return [{"name": tag}]

    def compatible_with(self, snapshot: dict[str, Any]) -> RuntimeMatching:
        online = {"id": "o", "name": "o", "inputEndpoints": [{"endpointType": "REST"}]}
        no = {"criterion": "service tag", "wanted": "svc", "found": "none"}
        return RuntimeMatching(
            [online, {"id": "b", "name": "b"}],
            [{"name": "o", "matches": True, "failed": []}, {"name": "c", "matches": False, "failed": [no]}],
        )

    # deployments
    def deploy(self, snapshot_id: str, runtime_id: str, key: str) -> dict[str, Any]:
        self.wrote("deploy", (snapshot_id, runtime_id), key)
        return {"id": "d1"}

    # notifications
    def create(self, notification: dict[str, Any], key: str) -> dict[str, Any]:
        self.wrote("notification", notification, key)
        return notification | {"id": "n1"}

    def open_ticket(self, order: TicketOrder, process_instance_id: str, key: str) -> dict[str, Any]:
        self.wrote("ticket", order, key)
        return {"id": "n1", "processInstanceId": process_instance_id, "assignment": {"issueKey": "MLC-1"}}

    class Part:
        def __init__(self, owner: FakePorts) -> None:
            self.owner = owner

    class Snapshots(Part):
        def get(self, snapshot_id: str) -> dict[str, Any]:
            if snapshot_id != "s1":
                raise Refused(f"there is no deployableModel with the id '{snapshot_id}'")
            return self.owner.snapshot

        def latest_with_tag(self, tag: str) -> dict[str, Any] | None:
            return self.owner.snapshot if tag == "svc" else None

        def latest_of(self, stored_model_id: str) -> dict[str, Any] | None:
            return self.owner.snapshot if stored_model_id == "m1" else None

        def assets(self, snapshot: Any, role: str | None = None, usage: str | None = None) -> list[dict[str, Any]]:
            return [{"assetRole": role, "usage": usage}]

    class Jobs(Part):
        def create(self, job: dict[str, Any], key: str) -> dict[str, Any]:
            self.owner.wrote("job", job, key)
            return self.owner.job

        def get(self, job_id: str) -> dict[str, Any]:
            return self.owner.job | {"id": job_id}

    class Results(Part):
        def parse(self, job: dict[str, Any]) -> list[dict[str, Any]]:
            return self.owner.results

        def create(self, result: dict[str, Any], key: str) -> dict[str, Any]:
            self.owner.wrote("test result", result, key)
            return result | {"id": "r1"}

        def verdict(self, result: dict[str, Any], comparator: str | None = None) -> Verdict:
            self.owner.wrote("verdict", comparator, "")
            return self.owner.judged


@pytest.fixture
def fake() -> FakePorts:
    return FakePorts()


@pytest.fixture
def registry() -> DelegateRegistry:
    return DelegateRegistry(delegates.CATALOGUE)


@pytest.fixture
def call(fake: FakePorts, registry: DelegateRegistry) -> Callable[..., dict[str, Any]]:
    """Runs a delegate by its catalogue name with these variables; answers what it wrote."""

    def run(name: str, **variables: Any) -> dict[str, Any]:
        execution = DelegateExecution(
            process_instance_id="p1",
            process_definition_key="deploy",
            activity_id="step",
            idempotency_key="key-1",
            variables=variables,
            ports=fake.ports(),
        )
        one = registry.find(name[:1].lower() + name[1:])
        one(execution)
        assert set(execution.written) <= set(one.writes), "a delegate wrote what it does not declare"
        return execution.written

    return run
