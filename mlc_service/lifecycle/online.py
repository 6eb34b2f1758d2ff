"""Serving deployed models: warm processes that follow the deployed documents."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlc_service.delegate_api import JsonObject
from mlc_service.lifecycle.bookkeeping import SYSTEM, Bookkeeping
from mlc_service.lifecycle.books import Books
from mlc_service.lifecycle.deployments import (
    check_deployable,
    deployed_online,
    record_deployment,
    withdraw_deployment,
)
from mlc_service.lifecycle.documents import Kind, id_from_key
from mlc_service.lifecycle.errors import LifecycleProblem, ScoringRefused
from mlc_service.lifecycle.matching import has_endpoints
from mlc_service.lifecycle.model_files import CannotRun, model_files
from mlc_service.lifecycle.ports import WarmModel, WarmModels
from mlc_service.runtimes import EnvironmentUnavailable, OnlineSource, SandboxUnavailable, ScoringError

_STATUS = {"input": 400, "output": 500, "state": 503}


class DeploymentFailed(LifecycleProblem):
    """The model does not start on the runtime; the message says why."""


class OnlineServing:
    """Deploys, undeploys and scores. The warm processes are a cache: the deployed documents say what is served.

    A process that is not there (after a restart, after a crash) is started by the first record.
    """

    def __init__(self, bookkeeping: Bookkeeping, models: WarmModels) -> None:
        self._bookkeeping = bookkeeping
        self._models = models
        self._starting = threading.Lock()
        # what this process scored last, by runtime
        self._scored: dict[str, str] = {}

    def deploy(self, snapshot_id: str, engine_id: str, key: str, by: str = SYSTEM) -> JsonObject:
        """The snapshot is deployed on the runtime; online it has been started once, so its init works there.

        Safe to repeat. Raises NoRuntime, UnknownDocument, DeploymentFailed.
        """
        deployed_id = id_from_key(f"deployed:{key}")
        plan = self._bookkeeping.read(lambda books: _plan(books, snapshot_id, engine_id, key, deployed_id))
        if plan.done is not None:
            return plan.done
        if plan.online:
            self._start(deployed_id, plan.source, plan.engine_name)
        try:
            deployed = self._bookkeeping.change(
                lambda books: record_deployment(books, snapshot_id, engine_id, key, deployed_id), by
            )
        except BaseException:
            self._models.close(deployed_id)
            raise
        if plan.before is not None and plan.before != deployed["id"]:
            self._models.close(plan.before)
        return deployed

    def undeploy(self, deployed_id: str, by: str = SYSTEM, version: int | None = None) -> JsonObject:
        """The deployed model is UNDEPLOYED and answers no more. Raises UnknownDocument, IllegalMove, StaleVersion."""
        deployed = self._bookkeeping.change(lambda books: withdraw_deployment(books, deployed_id, version), by)
        self._models.close(deployed_id)
        return deployed

    def score(self, engine_name: str, record: Any) -> Any:
        """The answer of the model that the runtime serves. Raises ScoringRefused with the HTTP status to use."""
        try:
            deployed_id = self._bookkeeping.read(lambda books: _served(books, engine_name))
        except ScoringRefused:
            self._forget(engine_name)
            raise
        self._forget(engine_name, but=deployed_id)
        self._scored[engine_name] = deployed_id
        try:
            model = self._models.find(deployed_id) or self._restart(deployed_id)
            return model.score(record)
        except ScoringError as failed:
            detail = f": {failed.detail}" if failed.detail and failed.kind != "output" else ""
            raise ScoringRefused(f"{failed}{detail}", _STATUS[failed.kind]) from failed
        except (EnvironmentUnavailable, SandboxUnavailable) as failed:
            raise ScoringRefused(str(failed), 503) from failed

    def _forget(self, engine_name: str, but: str | None = None) -> None:
        """The model the runtime served before is closed, in whichever process it was replaced or withdrawn."""
        before = self._scored.get(engine_name)
        if before is not None and before != but:
            self._scored.pop(engine_name, None)
            self._models.close(before)

    def _restart(self, deployed_id: str) -> WarmModel:
        # one at a time: a second record must not start a second process of the same model
        with self._starting:
            running = self._models.find(deployed_id)
            if running is not None:
                return running
            source = self._bookkeeping.read(lambda books: _source_of_deployed(books, deployed_id))
            if source is None:
                raise ScoringRefused("the deployed model has no source code", 503)
            return self._models.open(deployed_id, source)

    def _start(self, deployed_id: str, source: OnlineSource | None, engine_name: str) -> None:
        if source is None:
            raise DeploymentFailed("the model has no source code asset, so it cannot be served")
        if not source.functions.score:
            raise DeploymentFailed(f"the model has no score function, so '{engine_name}' cannot serve it")
        try:
            self._models.open(deployed_id, source)
        except ScoringError as failed:
            why = failed.detail or str(failed)
            raise DeploymentFailed(f"the model does not start on '{engine_name}': {why}") from failed
        except (EnvironmentUnavailable, SandboxUnavailable) as failed:
            raise DeploymentFailed(f"the model does not start on '{engine_name}': {failed}") from failed


@dataclass(frozen=True, slots=True)
class _Plan:
    done: JsonObject | None = None
    source: OnlineSource | None = None
    online: bool = False
    engine_name: str = ""
    before: str | None = None


def _plan(books: Books, snapshot_id: str, engine_id: str, key: str, deployed_id: str) -> _Plan:
    if known := books.find_by_key(Kind.DEPLOYED_MODEL, key):
        return _Plan(done=known)
    snapshot, engine = check_deployable(books, snapshot_id, engine_id)
    before = deployed_online(books, engine["name"])
    return _Plan(
        source=_source(snapshot, {"id": deployed_id}, books),
        online=has_endpoints(engine),
        engine_name=engine["name"],
        before=None if before is None else before["id"],
    )


def _served(books: Books, engine_name: str) -> str:
    deployed = deployed_online(books, engine_name)
    if deployed is not None:
        return str(deployed["id"])
    if not books.search(Kind.ENGINE, name=engine_name, limit=1):
        raise ScoringRefused(f"there is no runtime '{engine_name}'", 404)
    raise ScoringRefused(f"no model is deployed online on runtime '{engine_name}'", 503)


def _source_of_deployed(books: Books, deployed_id: str) -> OnlineSource | None:
    deployed = books.get(Kind.DEPLOYED_MODEL, deployed_id)
    snapshot = books.get(Kind.DEPLOYABLE_MODEL, deployed["deployableModel"]["id"])
    return _source(snapshot, deployed, books)


def _source(snapshot: JsonObject, deployed: Mapping[str, Any], books: Books) -> OnlineSource | None:
    try:
        model = model_files(snapshot, books.blobs)
    except CannotRun:
        return None
    meta = snapshot["storedModel"]["modelMetaData"]
    return OnlineSource(
        files=model.files,
        primary=model.primary,
        functions=model.functions,
        deployed={**deployed, "deployableModel": snapshot},
        requirements=model.requirements,
        input_schema=model.input_schema if meta.get("enableInputSchemaChecking") else None,
        output_schema=model.output_schema if meta.get("enableOutputSchemaChecking") else None,
    )
