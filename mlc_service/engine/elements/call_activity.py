"""The call activity: another process, as an instance of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..host import CalledElement
from ..variables import write_all, write_local
from .mapped import Mapped
from .node import Node, ProcessSpec
from .values import ExpressionSource

if TYPE_CHECKING:
    from ..instance import Instance
    from ..tokens import Token, Wait


class CallActivity(Node):
    """Starts a process with the variables it is given, waits for its end, and takes variables back."""

    activity_type = "callActivity"

    def __init__(
        self,
        process: ProcessSpec,
        node_id: str,
        bpmn_name: str | None,
        *,
        called: ExpressionSource,
        binding: str,
        version: ExpressionSource | None,
        business_key: ExpressionSource | None,
        taken_in: Mapped,
        handed_back: Mapped,
    ) -> None:
        super().__init__(process, node_id, bpmn_name)
        self.called = called
        self.binding = binding
        self.version = version
        self.business_key = business_key
        self.taken_in = taken_in
        self.handed_back = Mapped([one for one in handed_back.mappings if not one.is_local])
        # `local="true"`: to the call activity's own scope, where only its output parameters see it
        self.kept = Mapped([one for one in handed_back.mappings if one.is_local])

    def execute(self, token: Token) -> None:
        instance = token.workflow
        instance.hierarchy.check_depth(instance, str(self.name))
        wanted = CalledElement(
            (self.called.text(token) or "").strip(), self.binding, self.version.text(token) if self.version else None
        )
        callee = instance.host.call(wanted)
        variables = self.taken_in.of(token)
        key = self.business_key.text(token) if self.business_key else None
        wait = instance.wait(token, "call", self, callee.instance_id)
        instance.call(wait, callee, key).begin(variables)

    def pass_out(self, wait: Wait, called: Instance) -> None:
        """The variables that the called process hands over are written from the call activity's scope."""
        write_all(wait.token, self.handed_back.of(called.task_tree))
        for name, value in self.kept.of(called.task_tree).items():
            write_local(wait.token, name, value)

    def answer(self, wait: Wait, variables: Mapping[str, Any]) -> None:
        """The called process has come to its end; its variables are handed over already."""
        token = wait.token
        token.workflow.end_wait(wait)
        write_all(token, variables)
        # in its turn, though Camunda does it at once: a hundred that call each other must not end inside each other
        token.complete_in_turn()
