"""Reads what authors write into a diagram: expressions, scripts, timers, parameters. Findings go to the document."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Container

from lxml import etree

from ...language import juel, timers
from ...language.errors import ExpressionError, TimerError
from ...language.scripts import ScriptLanguages
from ..elements.node import FormRef, Node
from ..elements.triggers import TimerTrigger
from ..elements.user_task import Timeout
from ..elements.values import (
    Condition,
    DelegateSource,
    ExpressionSource,
    ListSource,
    LiteralSource,
    MapSource,
    MissingSource,
    ScriptSource,
    Source,
)
from .document import Document
from .forms import read_form
from .names import camunda, camunda_children, camunda_elements, child, local_name, own_text

_WHOLE = re.compile(r"[+-]?\d{1,18}")
_BEAN = re.compile(r"\s*[$#]\{\s*([A-Za-z_]\w*)\s*\}\s*")
_TASK_EVENTS = ("create", "assignment", "update", "complete", "delete")
_FORM_BINDINGS = ("latest", "deployment", "version")
_TIMER_KINDS: dict[str, timers.TimerKind] = {
    "timeDate": "date",
    "timeDuration": "duration",
    "timeCycle": "cycle",
}


class Sources:
    """Compiles texts of one document; every answer is usable even where a problem was noted."""

    def __init__(
        self,
        document: Document,
        known_delegates: Container[str],
        resource: Callable[[str], bytes | None],
        languages: ScriptLanguages,
    ) -> None:
        self.document = document
        self.known_delegates = known_delegates
        self.resource = resource
        self.languages = languages

    def expression(self, text: str | None, element: etree._Element, what: str) -> ExpressionSource:
        """The compiled text."""
        try:
            return ExpressionSource(juel.compile(text or ""))
        except ExpressionError as error:
            place = f", column {error.column}" if error.column else ""
            self.document.problem(f"{what} {text!r}: {error.message}{place}", element)
            return ExpressionSource(juel.compile(""))

    def optional(self, text: str | None, element: etree._Element, what: str) -> ExpressionSource | None:
        return None if text is None or not text.strip() else self.expression(text.strip(), element, what)

    def number(self, text: str | None, element: etree._Element, what: str) -> ExpressionSource | None:
        """A whole number, or an expression that will come to one."""
        source = self.optional(text, element, what)
        if source is not None and source.expression.is_literal and not _WHOLE.fullmatch(source.expression.text):
            self.document.problem(f"{what} {text!r} is no whole number", element)
        return source

    def comma_list(self, text: str | None, element: etree._Element, what: str) -> list[ExpressionSource]:
        """A list of names; commas inside `${…}` do not separate."""
        parts = re.findall(r"(?:[$#]\{[^}]*\}|[^,])+", text or "")
        return [self.expression(part.strip(), element, what) for part in parts if part.strip()]

    def script(self, language: str | None, source: str | None, element: etree._Element) -> ScriptSource:
        """The script, its language known and its syntax right."""
        language = (language or "").strip()
        source = source or ""
        why_not = self.languages.why_unsupported(language) if language else None
        if not language:
            self.document.problem("a script needs a scriptFormat, e.g. python or javascript", element)
        elif why_not is not None:
            self.document.problem(why_not, element)
        else:
            error = self.languages.check(language, source)
            if error is not None:
                place = f", script line {error.line}" if error.line else ""
                self.document.problem(f"{language} script: {error.message}{place}", element)
        return ScriptSource(language, source)

    def _script_element(self, element: etree._Element) -> Source:
        """A `camunda:script`, inline or in a file of the same deployment."""
        return self.script_from(element.get("scriptFormat"), element.get("resource"), element.text, element)

    def script_from(
        self, language: str | None, resource: str | None, inline: str | None, element: etree._Element
    ) -> Source:
        """The script that stands in the diagram, or in the file that its resource names.

        Camunda looks for a `classpath://` script when it comes to it, and so may be deployed without; there is no
        Java classpath here, so that is where it fails.
        """
        if resource is not None and resource.startswith("classpath://"):
            reason = (
                f"the script {resource!r} cannot be read: there is no Java classpath here; deploy the file with the "
                "diagram and name it deployment://…"
            )
            self.document.problem(reason, element, severity="warning")
            return MissingSource(reason)
        return self.script(language, self.script_text(resource, inline, element), element)

    def script_text(self, resource: str | None, inline: str | None, element: etree._Element) -> str | None:
        """The script that stands in the diagram, or in the file that `deployment://` names."""
        if resource is None:
            return inline
        scheme, separator, name = resource.partition("://")
        if not separator or scheme != "deployment":
            self.document.problem(
                f"the script resource {resource!r} cannot be read: deploy the file with the diagram and name it "
                f"deployment://{name or resource}",
                element,
            )
            return None
        content = self.resource(name)
        if content is None:
            self.document.problem(f"the deployment has no resource {name!r}", element)
            return None
        try:
            return content.decode()
        except UnicodeDecodeError:
            self.document.problem(f"the script resource {name!r} is not UTF-8 text", element)
            return None

    def condition(self, element: etree._Element | None) -> Condition | None:
        """The condition of a sequence flow."""
        if element is None:
            return None
        text = own_text(element)
        language = element.get("language")
        if language and language.lower() != "juel":
            resource = camunda(element, "resource")
            return Condition(self.script_from(language, resource, text, element), text or str(resource))
        if not text:
            self.document.problem("the condition is empty", element)
        return Condition(self.expression(text, element, "condition"), text)

    def timer(self, definition: etree._Element) -> TimerTrigger:
        """What a timer event waits for."""
        for tag, kind in _TIMER_KINDS.items():
            element = child(definition, tag)
            if element is None:
                continue
            text = own_text(element)
            source = self.expression(text, element, "timer")
            if not text:
                self.document.problem(f"the timer's {tag} is empty", element)
            elif source.expression.is_literal:
                problem = timers.check(kind, text)
                if problem is not None:
                    self.document.problem(f"timer {text!r}: {problem}", element)
            return TimerTrigger(kind, source)
        self.document.problem("a timer needs a timeDate, timeDuration or timeCycle", definition)
        return TimerTrigger("date", ExpressionSource(juel.compile("")))

    def retry_cycle(self, element: etree._Element) -> str | None:
        """The text of camunda:failedJobRetryTimeCycle."""
        for extension in camunda_elements(element, "failedJobRetryTimeCycle"):
            text = (extension.text or "").strip()
            try:
                timers.parse_retry_cycle(text)
            except TimerError as error:
                self.document.problem(f"failedJobRetryTimeCycle {text!r}: {error}", extension)
            return text
        return None

    def never(self) -> Condition:
        """What stands in for a condition that is missing."""
        return Condition(ExpressionSource(juel.compile("${false}")), "")

    def listeners(self, element: etree._Element, event: str) -> tuple[Source, ...]:
        """What `camunda:executionListener`s (of an activity, a flow, a process) do at an event, in order."""
        return tuple(
            self._listener(listener, event)
            for listener in camunda_elements(element, "executionListener")
            # a listener of a sequence flow needs no event: there is only one
            if listener.get("event", event) == event
        )

    def task_listeners(self, element: etree._Element) -> dict[str, tuple[Source, ...]]:
        """What the `camunda:taskListener`s of a user task do, by event and in order."""
        found: dict[str, tuple[Source, ...]] = {}
        for listener in camunda_elements(element, "taskListener"):
            event = listener.get("event")
            if event is None:
                self.document.problem("a taskListener needs an event", listener)
            elif event in _TASK_EVENTS:
                found[event] = (*found.get(event, ()), self._listener(listener, event))
            elif event != "timeout":
                self.document.problem(f"camunda:taskListener has no event {event!r}", listener)
        return found

    def timeouts(self, element: etree._Element) -> list[Timeout]:
        """The `camunda:taskListener`s that a timer calls."""
        found: list[Timeout] = []
        for listener in camunda_elements(element, "taskListener"):
            if listener.get("event") != "timeout":
                continue
            definition = child(listener, "timerEventDefinition")
            if definition is None:
                self.document.problem("a timeout taskListener needs a timerEventDefinition", listener)
            else:
                id = listener.get("id") or f"#{len(found)}"
                found.append(Timeout(id, self._listener(listener, "timeout"), self.timer(definition)))
        return found

    def check_listeners(self, element: etree._Element, kind: str, events: tuple[str, ...]) -> None:
        """Listeners of events that do not exist there are noted."""
        for listener in camunda_elements(element, kind):
            event = listener.get("event")
            if event is None and len(events) > 1:
                self.document.problem(f"camunda:{kind} needs an event: {' or '.join(events)}", listener)
            elif event is not None and event not in events:
                self.document.problem(f"camunda:{kind} has no event {event!r} here", listener)

    def _listener(self, listener: etree._Element, event: str) -> Source:
        for script in camunda_children(listener, "script"):
            return self._script_element(script)
        text = listener.get("expression")
        if text is not None:
            return self.expression(text.strip(), listener, "listener")
        delegate = self.delegate_named(listener.get("class"), listener.get("delegateExpression"), listener)
        if delegate is not None:
            return DelegateSource(delegate, event, self.fields(listener))
        self.document.problem("the listener needs a script, an expression or a delegate", listener)
        return ExpressionSource(juel.compile(""))

    def fields(self, element: etree._Element) -> dict[str, Source]:
        """The `camunda:field`s of a delegate, of a listener or of an element."""
        found: dict[str, Source] = {}
        for one in camunda_elements(element, "field") or camunda_children(element, "field"):
            name = one.get("name")
            inner = {local_name(item): item.text or "" for item in one.iterchildren("*")}
            text = one.get("stringValue") or one.get("expression") or inner.get("string") or inner.get("expression")
            if not name or text is None:
                self.document.problem("camunda:field needs a name and a stringValue or an expression", one)
            elif one.get("stringValue") is not None or "string" in inner:
                found[name] = LiteralSource(text)
            else:
                found[name] = self.expression(text, one, f"field {name!r}")
        return found

    def properties(self, element: etree._Element) -> dict[str, str]:
        """The `camunda:properties` of an element."""
        return {
            one.get("name", ""): one.get("value", "")
            for group in camunda_elements(element, "properties")
            for one in camunda_children(group, "property")
        }

    def form(self, element: etree._Element, node: Node) -> None:
        """The node has the form that its start event or user task names."""
        key, reference = camunda(element, "formKey"), camunda(element, "formRef")
        node.form_key = self.optional(key, element, "formKey")
        node.form_fields = read_form(element, self.document)
        if reference is None:
            return
        binding = camunda(element, "formRefBinding") or ""
        version = camunda(element, "formRefVersion")
        if key is not None:
            self.document.problem("camunda:formKey and camunda:formRef exclude each other", element)
        if binding not in _FORM_BINDINGS:
            self.document.problem(f"camunda:formRefBinding {binding!r} is none of {', '.join(_FORM_BINDINGS)}", element)
        if binding == "version" and not version:
            self.document.problem("camunda:formRefBinding 'version' needs a camunda:formRefVersion", element)
        node.form_ref = FormRef(
            self.expression(reference, element, "formRef"), binding, self.optional(version, element, "formRefVersion")
        )

    def parameters(self, element: etree._Element, kind: str) -> list[tuple[str, Source]]:
        """The `inputParameter`s or `outputParameter`s of an element's camunda:inputOutput."""
        return self.parameters_in(camunda_elements(element, "inputOutput"), kind)

    def parameters_in(self, mappings: list[etree._Element], kind: str) -> list[tuple[str, Source]]:
        """The parameters of that kind in some `camunda:inputOutput`s."""
        found: list[tuple[str, Source]] = []
        for mapping in mappings:
            for parameter in camunda_children(mapping, kind):
                name = parameter.get("name")
                if not name:
                    self.document.problem(f"{kind} without a name", parameter)
                    continue
                found.append((name, self._parameter_value(parameter, f"{kind} {name!r}")))
        return found

    def _parameter_value(self, element: etree._Element, what: str) -> Source:
        inner = list(element.iterchildren("*"))
        if not inner:
            text = (element.text or "").strip()
            # an empty parameter is null, as in Camunda
            return ExpressionSource(juel.compile("${null}")) if not text else self.expression(text, element, what)
        value = inner[0]
        kind = local_name(value)
        if kind == "script":
            return self._script_element(value)
        if kind == "list":
            return ListSource([self._list_item(item, what) for item in value.iterchildren("*")])
        if kind == "map":
            return MapSource(
                {entry.get("key", ""): self._parameter_value(entry, what) for entry in camunda_children(value, "entry")}
            )
        self.document.problem(f"{what}: <{kind}> is not supported", value)
        return ExpressionSource(juel.compile(""))

    def _list_item(self, item: etree._Element, what: str) -> Source:
        if local_name(item) == "script":
            return self._script_element(item)
        return self.expression((item.text or "").strip(), item, what)

    def delegate(self, element: etree._Element) -> str | None:
        """The name under which the element's delegate is registered, or None if it names none."""
        return self.delegate_named(camunda(element, "class"), camunda(element, "delegateExpression"), element)

    def delegate_named(self, class_name: str | None, expression: str | None, element: etree._Element) -> str | None:
        """The name under which a delegate is registered that a class or an expression names."""
        if class_name is not None:
            name = class_name.strip()
        elif expression is not None:
            match = _BEAN.fullmatch(expression)
            if match is None:
                self.document.problem(
                    f"delegateExpression {expression!r} must name one delegate, e.g. ${{createModelBatchJob}}",
                    element,
                )
                return ""
            name = match.group(1)
        else:
            return None
        if name not in self.known_delegates:
            self.document.problem(f"unknown delegate {name!r}{self._meant(name)}", element)
        return name

    def _meant(self, name: str) -> str:
        known = list(self.known_delegates) if isinstance(self.known_delegates, Collection) else []
        close = difflib.get_close_matches(name, known, n=1)
        return f"; did you mean {close[0]!r}?" if close else "; install the delegate package that provides it"
