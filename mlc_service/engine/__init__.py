"""Runs BPMN on SpiffWorkflow: a function from definition, state and input to state and effects.

Pure: no clock, no database, no network. Everything the rest of the service needs of the engine is named here.
"""

from .definition import Definition, StartTrigger, TimerSpec
from .errors import ExecutionFailed, HostFailed, NotWaiting, StateUnreadable
from .execution import ActivityInstance, Execution
from .host import Host, ScriptResult
from .parse import parse_bpmn

__all__ = [
    "ActivityInstance",
    "Definition",
    "Execution",
    "ExecutionFailed",
    "Host",
    "HostFailed",
    "NotWaiting",
    "ScriptResult",
    "StartTrigger",
    "StateUnreadable",
    "TimerSpec",
    "parse_bpmn",
]
