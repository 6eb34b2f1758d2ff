"""Addresses that lead from a ticket back to what it is about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mlc_service.delegate_api import TicketOrder


@dataclass(frozen=True, slots=True)
class Links:
    """`base` is the address under which people reach the service, such as `http://localhost:8080`."""

    base: str

    def of(self, order: TicketOrder, process_instance_id: str) -> tuple[tuple[str, str], ...]:
        """Title and address of everything the order speaks of, the process last."""
        return tuple(self._named(order, process_instance_id))

    def _named(self, order: TicketOrder, process_instance_id: str) -> Iterable[tuple[str, str]]:
        for title, plural, document in (
            ("Snapshot", "deployableModels", order.snapshot),
            ("Model job", "jobs", order.job),
            ("Test result", "modelTestResults", order.test_result),
        ):
            if document and document.get("id"):
                yield title, f"{self._root}/model-manage/api/{plural}/{document['id']}"
        if process_instance_id:
            yield "Process", f"{self._root}/mlc-service/rest/history/process-instance/{process_instance_id}"

    @property
    def _root(self) -> str:
        return self.base.rstrip("/")
