"""What can go wrong while an instance runs."""

from __future__ import annotations


class NotWaiting(LookupError):
    """The instance does not wait for that task, job or subscription (any more)."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"the instance does not wait for number {number}")


class ExecutionFailed(Exception):
    """A step could not be carried out; the execution must be thrown away and its transaction rolled back.

    `element_id` names the BPMN element; the message is fit for an incident or an HTTP answer.
    """

    def __init__(self, message: str, element_id: str | None) -> None:
        self.message = message
        self.element_id = element_id
        super().__init__(message if element_id is None else f"{message} (element {element_id!r})")


class HostFailed(Exception):
    """Raised by a `Host` when a script or decision fails for a reason that a person must see."""


class StateUnreadable(ValueError):
    """A stored instance was written by a newer version of the service, or is damaged."""
