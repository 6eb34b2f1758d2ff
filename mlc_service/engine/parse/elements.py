"""Which reader reads which element."""

from __future__ import annotations

from ..elements.activities import DecisionTask, DelegateTask, PlainTask, ReceiveTask, ScriptTask
from ..elements.boundary import BoundaryEvent
from ..elements.call_activity import CallActivity
from ..elements.events import CatchEvent, EndEvent, StartEvent, ThrowEvent
from ..elements.gateways import EventBasedGateway, ExclusiveGateway, InclusiveGateway, ParallelGateway
from ..elements.node import Node
from ..elements.sub_process import SubProcess, Transaction
from ..elements.user_task import UserTask
from .event_readers import BoundaryEventReader, CatchEventReader, EndEventReader, StartEventReader, ThrowEventReader
from .names import bpmn
from .node_reader import NodeReader
from .task_readers import (
    BusinessRuleTaskReader,
    CallActivityReader,
    GatewayReader,
    PlainTaskReader,
    ReceiveTaskReader,
    ScriptTaskReader,
    ServiceTaskReader,
    SubProcessReader,
    UserTaskReader,
)

READERS: dict[str, tuple[type[NodeReader], type[Node]]] = {
    bpmn("startEvent"): (StartEventReader, StartEvent),
    bpmn("endEvent"): (EndEventReader, EndEvent),
    bpmn("intermediateCatchEvent"): (CatchEventReader, CatchEvent),
    bpmn("intermediateThrowEvent"): (ThrowEventReader, ThrowEvent),
    bpmn("boundaryEvent"): (BoundaryEventReader, BoundaryEvent),
    bpmn("task"): (PlainTaskReader, PlainTask),
    bpmn("manualTask"): (PlainTaskReader, PlainTask),
    bpmn("userTask"): (UserTaskReader, UserTask),
    bpmn("serviceTask"): (ServiceTaskReader, DelegateTask),
    bpmn("sendTask"): (ServiceTaskReader, DelegateTask),
    bpmn("scriptTask"): (ScriptTaskReader, ScriptTask),
    bpmn("receiveTask"): (ReceiveTaskReader, ReceiveTask),
    bpmn("businessRuleTask"): (BusinessRuleTaskReader, DecisionTask),
    bpmn("exclusiveGateway"): (GatewayReader, ExclusiveGateway),
    bpmn("parallelGateway"): (GatewayReader, ParallelGateway),
    bpmn("inclusiveGateway"): (GatewayReader, InclusiveGateway),
    bpmn("eventBasedGateway"): (GatewayReader, EventBasedGateway),
    bpmn("subProcess"): (SubProcessReader, SubProcess),
    bpmn("transaction"): (SubProcessReader, Transaction),
    bpmn("callActivity"): (CallActivityReader, CallActivity),
}
