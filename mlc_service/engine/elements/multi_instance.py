"""Multi-instance: the body of an activity that runs several times, one after the other or all at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...language.errors import ExpressionError
from .. import compensation
from ..errors import InvalidModification
from ..values import TypedValue, plain
from ..variables import find, write_local
from .node import Node, ProcessSpec
from .values import Condition, ExpressionSource

if TYPE_CHECKING:
    from ..tokens import Token

_ALL, _ACTIVE, _COMPLETED = "nrOfInstances", "nrOfActiveInstances", "nrOfCompletedInstances"


class MultiInstance(Node):
    """The body: a scope with the loop's counters, whose tokens are the single instances of the inner activity.

    `loopCounter` and the element of the collection belong to each instance, or to the body if the instances come one
    after the other (Camunda manual, "Multiple Instance").
    """

    activity_type = "multiInstanceBody"

    def __init__(
        self,
        process: ProcessSpec,
        inner: Node,
        *,
        is_sequential: bool,
        cardinality: ExpressionSource | None,
        collection: ExpressionSource | None,
        element_variable: str | None,
        completion: Condition | None,
    ) -> None:
        super().__init__(process, f"{inner.name}#multiInstanceBody", inner.bpmn_name)
        self.inner = inner
        self.is_sequential = is_sequential
        self.cardinality = cardinality
        self.collection = collection
        self.element_variable = element_variable
        self.completion = completion

    @property
    def is_scope(self) -> bool:
        return True

    def _run_hook(self, token: Token) -> bool | None:
        if compensation.UNDOING in token.internal_data:
            token.workflow.start_activity(token)
            compensation.undo_inside(token)
            return None
        return super()._run_hook(token)

    def execute(self, token: Token) -> bool | None:
        items = self._items(token)
        total = self._total(token, items)
        if total == 0:
            return True
        write_local(token, _ALL, total)
        write_local(token, _COMPLETED, 0)
        write_local(token, _ACTIVE, 1 if self.is_sequential else total)
        instance = token.workflow
        if self.is_sequential:
            instance.arrive([self._instance(token, 0, items)])
        else:
            instance.arrive([self._instance(token, index, items) for index in range(total)])
        return None

    def inner_done(self, ended: Token) -> None:
        """One instance has completed: the next one begins, or the body is complete."""
        body = ended.scope
        instance = body.workflow
        completed = self._count(body, _COMPLETED) + 1
        write_local(body, _COMPLETED, completed)
        if self.is_sequential:
            is_last = completed >= self._count(body, _ALL)
        else:
            write_local(body, _ACTIVE, self._count(body, _ACTIVE) - 1)
            # not by the counters: they are variables, which anybody may overwrite
            is_last = body.child_count == 1
        is_over = self.completion is not None and self.completion.holds(body if self.is_sequential else ended)
        following = []
        if not is_last and not is_over and self.is_sequential:
            following = [self._instance(body, completed, self._items(body))]
        if is_over or is_last:
            instance.cancel_children(body, but=ended)
            instance.forget(ended)
            # of instances beside each other the last one, too, is seen by the events of the body
            body.finish(is_scope=self.is_sequential)
            return
        instance.forget(ended)
        if following:
            instance.arrive(following)
        else:
            # the counters may make a condition true that somebody waits for outside
            instance.look_at_conditions()

    def scope_done(self, token: Token) -> None:
        """What has been undone inside is all; or the last instance ended without completing (an uncaught error)."""
        instance = token.workflow
        if compensation.UNDOING in token.internal_data:
            instance.end_activity(token, canceled=False)
            instance.leave(token)
        else:
            token.finish(is_scope=True)

    def one_more(self, body: Token) -> Token:
        """An instance that a modification begins beside those that are there, or as the only one."""
        if self.is_sequential and body.has_children:
            raise InvalidModification(f"the sequential multi-instance activity {self.inner.name!r} is active already")
        total = self._count(body, _ALL)
        write_local(body, _ALL, total + 1)
        write_local(body, _ACTIVE, self._count(body, _ACTIVE) + 1)
        if _COMPLETED not in body.data:
            write_local(body, _COMPLETED, 0)
        token = body.workflow.enter(self.inner, body)
        write_local(token, "loopCounter", total)
        return token

    def one_less(self, body: Token) -> None:
        """A modification has cancelled an instance, and others are left."""
        write_local(body, _ACTIVE, self._count(body, _ACTIVE) - 1)

    def _count(self, body: Token, counter: str) -> int:
        value = body.data.get(counter, 0)
        if not isinstance(value, int):
            raise ExpressionError(f"{counter} of {self.inner.name!r} has become {value!r}, which is no number", "")
        return value

    def _instance(self, body: Token, index: int, items: list[Any] | None) -> Token:
        token = body.workflow.enter(self.inner, body)
        # one after the other share the variables of the body, as in Camunda; beside each other they have their own
        owner = body if self.is_sequential else token
        write_local(owner, "loopCounter", index)
        if self.element_variable and items is not None:
            if index >= len(items):
                raise ExpressionError(f"the collection of {self.inner.name!r} has no element {index} any more", "")
            write_local(owner, self.element_variable, items[index])
        return token

    def _items(self, token: Token) -> list[Any] | None:
        if self.collection is None:
            return None
        value = self.collection.value(token)
        if isinstance(value, str):
            # the name of a variable, which is how camunda:collection is written most of the time
            found = find(token, value)
            value = None if found is None else self._plain(token, found[1])
            if value is None:
                raise ExpressionError(f"Variable '{self.collection.expression.text}' is not found", "")
        if isinstance(value, Mapping) or not isinstance(value, (list, tuple, set, frozenset)):
            raise ExpressionError(
                f"the collection {self.collection.expression.text!r} of {self.inner.name!r} is no list",
                self.collection.expression.text,
            )
        # not copied if it need not be: a sequential loop asks again for each element
        return value if isinstance(value, list) else list(value)

    @staticmethod
    def _plain(token: Token, value: Any) -> Any:
        """As `values.plain`; a text is parsed once in a command, not once for each element."""
        if not isinstance(value, TypedValue):
            return value
        instance = token.workflow
        if instance.last_collection[0] is not value:
            instance.last_collection = (value, plain(value))
        return instance.last_collection[1]

    def _total(self, token: Token, items: list[Any] | None) -> int:
        if self.cardinality is None:
            return len(items or ())
        value = self.cardinality.value(token)
        try:
            total = int(value)
        except (TypeError, ValueError):
            raise ExpressionError(
                f"the loop cardinality {value!r} of {self.inner.name!r} is not a number",
                self.cardinality.expression.text,
            ) from None
        if total < 0:
            raise ExpressionError(
                f"Invalid number of instances: must be positive integer value or zero, but was {total}",
                self.cardinality.expression.text,
            )
        return total
