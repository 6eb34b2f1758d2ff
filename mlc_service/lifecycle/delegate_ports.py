"""The life cycle as delegates see it: one adapter per port of `delegate_api`.

Every method that changes something is safe to repeat: its key becomes the idempotency key of what it creates.
"""

from __future__ import annotations

from dataclasses import dataclass

from mlc_service.delegate_api import JsonObject, Ports, RuntimeMatching, TicketOrder, Verdict
from mlc_service.lifecycle.assets import assets_of_model, selected, without_bytes
from mlc_service.lifecycle.bookkeeping import Bookkeeping
from mlc_service.lifecycle.documents import Kind
from mlc_service.lifecycle.engines import engines_with_tag, match_runtimes
from mlc_service.lifecycle.model_jobs import create_model_job, job_reference
from mlc_service.lifecycle.notifications import create_notification
from mlc_service.lifecycle.online import OnlineServing
from mlc_service.lifecycle.test_results import create_test_result, results_of_job, shortened, verdict_on
from mlc_service.lifecycle.ticketing import Ticketing


@dataclass(frozen=True, slots=True)
class BookedSnapshots:
    """Snapshots from the books."""

    bookkeeping: Bookkeeping

    def get(self, snapshot_id: str) -> JsonObject:
        found = self.bookkeeping.read(lambda books: books.get(Kind.DEPLOYABLE_MODEL, snapshot_id))
        return _light(found)

    def latest_with_tag(self, tag: str) -> JsonObject | None:
        return self._latest({"tag": tag})

    def latest_of(self, stored_model_id: str) -> JsonObject | None:
        return self._latest({"storedModelId": stored_model_id})

    def assets(self, snapshot: JsonObject, role: str | None = None, usage: str | None = None) -> list[JsonObject]:
        # the variable may be older than the last training: what is stored is right
        stored = self.bookkeeping.read(lambda books: books.find(Kind.DEPLOYABLE_MODEL, str(snapshot.get("id"))))
        return [_light(asset) for asset in selected(assets_of_model(stored or snapshot), role, usage)]

    def _latest(self, keys: dict[str, str]) -> JsonObject | None:
        found = self.bookkeeping.read(
            lambda books: books.search(Kind.DEPLOYABLE_MODEL, keys=keys, sort=(("createdDate", "desc"),), limit=1)
        )
        return _light(found[0]) if found else None


@dataclass(frozen=True, slots=True)
class BookedModelJobs:
    """Model jobs from the books."""

    bookkeeping: Bookkeeping

    def create(self, job: JsonObject, key: str) -> JsonObject:
        return job_reference(self.bookkeeping.change(lambda books: create_model_job(books, job, key)))

    def get(self, job_id: str) -> JsonObject:
        return job_reference(self.bookkeeping.read(lambda books: books.get(Kind.JOB, job_id)))


@dataclass(frozen=True, slots=True)
class BookedTestResults:
    """Test results from the books."""

    bookkeeping: Bookkeeping

    def parse(self, job: JsonObject) -> list[JsonObject]:
        found = self.bookkeeping.read(lambda books: results_of_job(books, str(job.get("id"))))
        return [shortened(result) for result in found]

    def create(self, result: JsonObject, key: str) -> JsonObject:
        return shortened(self.bookkeeping.change(lambda books: create_test_result(books, result, key)))

    def verdict(self, result: JsonObject, comparator: str | None = None) -> Verdict:
        return self.bookkeeping.read(lambda books: verdict_on(books, result, comparator))


@dataclass(frozen=True, slots=True)
class BookedRuntimes:
    """Runtimes from the books."""

    bookkeeping: Bookkeeping

    def with_tag(self, tag: str) -> list[JsonObject]:
        return self.bookkeeping.read(lambda books: engines_with_tag(books, tag))

    def compatible_with(self, snapshot: JsonObject) -> RuntimeMatching:
        return self.bookkeeping.read(lambda books: match_runtimes(books, snapshot))


@dataclass(frozen=True, slots=True)
class ServedDeployments:
    """Deployments that are started where they have to be."""

    serving: OnlineServing

    def deploy(self, snapshot_id: str, runtime_id: str, key: str) -> JsonObject:
        return self.serving.deploy(snapshot_id, runtime_id, key)


@dataclass(frozen=True, slots=True)
class BookedNotifications:
    """Notifications from the books, tickets through the configured tracker."""

    bookkeeping: Bookkeeping
    ticketing: Ticketing

    def create(self, notification: JsonObject, key: str) -> JsonObject:
        return self.bookkeeping.change(lambda books: create_notification(books, notification, key))

    def open_ticket(self, order: TicketOrder, process_instance_id: str, key: str) -> JsonObject:
        return self.ticketing.open(order, process_instance_id, key)


def delegate_ports(bookkeeping: Bookkeeping, serving: OnlineServing, ticketing: Ticketing) -> Ports:
    """Everything delegates can ask for, on these books."""
    return Ports(
        snapshots=BookedSnapshots(bookkeeping),
        model_jobs=BookedModelJobs(bookkeeping),
        test_results=BookedTestResults(bookkeeping),
        runtimes=BookedRuntimes(bookkeeping),
        deployments=ServedDeployments(serving),
        notifications=BookedNotifications(bookkeeping, ticketing),
    )


def _light(document: JsonObject) -> JsonObject:
    light: JsonObject = without_bytes(document)
    return light
