"""Runs BPMN on SpiffWorkflow: a function from definition, state and input to state and effects.

Pure: no clock, no database, no network. Everything the rest of the service needs of the engine is named here.
"""

from .definition import Definition, StartTrigger, TimerSpec
from .errors import (
    BpmnErrorThrown,
    ExecutionFailed,
    HostFailed,
    InvalidModification,
    InvalidPlan,
    NotMigratable,
    NotWaiting,
    StateUnreadable,
)
from .execution import ActivityInstance, Execution
from .hierarchy import Caller, StoredInstance
from .host import CalledElement, Callee, Host, ScriptResult
from .migration import MigrationInstruction, PlanProblem, generate_plan, problems
from .migration_step import Unfit
from .modification import Instruction
from .parse import parse_bpmn

__all__ = [
    "ActivityInstance",
    "BpmnErrorThrown",
    "CalledElement",
    "Callee",
    "Caller",
    "Definition",
    "Execution",
    "ExecutionFailed",
    "Host",
    "HostFailed",
    "Instruction",
    "InvalidModification",
    "InvalidPlan",
    "MigrationInstruction",
    "NotMigratable",
    "NotWaiting",
    "PlanProblem",
    "ScriptResult",
    "StartTrigger",
    "StateUnreadable",
    "StoredInstance",
    "TimerSpec",
    "Unfit",
    "generate_plan",
    "parse_bpmn",
    "problems",
]
