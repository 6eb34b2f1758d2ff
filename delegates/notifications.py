"""Delegates that tell people something."""

from __future__ import annotations

from delegates.variables import optional_document, optional_snapshot, text
from mlc_service.delegate_api import DelegateExecution, delegate


@delegate(
    "CreateNotification",
    reads=("NOTIFICATION_MESSAGE", "NOTIFICATION_TYPE", "NOTIFICATION_SEVERITY", "DEPLOYABLE_MODEL", "JOB"),
    writes=("NOTIFICATION",),
)
def create_notification(execution: DelegateExecution) -> None:
    """NOTIFICATION is stored: NOTIFICATION_MESSAGE about the snapshot and the model job, if there are such.

    NOTIFICATION_SEVERITY is INFO (default), WARNING or ERROR.
    """
    snapshot = optional_snapshot(execution) or {}
    notification = {
        "message": execution.required("NOTIFICATION_MESSAGE", str),
        "notificationType": text(execution, "NOTIFICATION_TYPE", "MODEL_NOTIFICATION"),
        "severity": text(execution, "NOTIFICATION_SEVERITY", "INFO"),
        "group": snapshot.get("group"),
        "deployableModelId": snapshot.get("id"),
        "storedModelId": (snapshot.get("storedModel") or {}).get("id"),
        "jobId": (optional_document(execution, "JOB") or {}).get("id"),
    }
    execution.set("NOTIFICATION", execution.ports.notifications.create(notification, execution.idempotency_key))
