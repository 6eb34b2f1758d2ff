"""Reads what authors write into a diagram: expressions, scripts, timers, parameters. Findings go to the document."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Container

from lxml import etree

from ...language import juel, scripts, timers
from ...language.errors import ExpressionError, TimerError
from ..elements.events import TimerTrigger
from ..elements.values import Condition, ExpressionSource, ListSource, MapSource, ScriptSource, Source
from .document import Document
from .names import camunda, camunda_children, camunda_elements, child, local_name

_BEAN = re.compile(r"\s*[$#]\{\s*([A-Za-z_]\w*)\s*\}\s*")
_TIMER_KINDS: dict[str, timers.TimerKind] = {
    "timeDate": "date",
    "timeDuration": "duration",
    "timeCycle": "cycle",
}


class Sources:
    """Compiles texts of one document; every answer is usable even where a problem was noted."""

    def __init__(self, document: Document, known_delegates: Container[str]) -> None:
        self.document = document
        self.known_delegates = known_delegates

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

    def comma_list(self, text: str | None, element: etree._Element, what: str) -> list[ExpressionSource]:
        """A list of names; commas inside `${…}` do not separate."""
        parts = re.findall(r"(?:[$#]\{[^}]*\}|[^,])+", text or "")
        return [self.expression(part.strip(), element, what) for part in parts if part.strip()]

    def script(self, language: str | None, source: str | None, element: etree._Element) -> ScriptSource:
        """The script, its language known and its syntax right."""
        language = (language or "").strip()
        source = source or ""
        if not language:
            self.document.problem("a script needs a scriptFormat, e.g. python or javascript", element)
        elif not scripts.supported(language):
            self.document.problem(f"scripts in {language!r} are not supported; use python, javascript or juel", element)
        else:
            error = scripts.check(language, source)
            if error is not None:
                place = f", script line {error.line}" if error.line else ""
                self.document.problem(f"{language} script: {error.message}{place}", element)
        return ScriptSource(language, source)

    def condition(self, element: etree._Element | None) -> Condition | None:
        """The condition of a sequence flow."""
        if element is None:
            return None
        text = (element.text or "").strip()
        language = element.get("language")
        if camunda(element, "resource") is not None:
            self.document.problem("a condition in a resource is not supported", element)
        if language and language.lower() != "juel":
            return Condition(self.script(language, text, element), text)
        if not text:
            self.document.problem("the condition is empty", element)
        return Condition(self.expression(text, element, "condition"), text)

    def timer(self, definition: etree._Element) -> TimerTrigger:
        """What a timer event waits for."""
        for tag, kind in _TIMER_KINDS.items():
            element = child(definition, tag)
            if element is None:
                continue
            text = (element.text or "").strip()
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

    def parameters(self, element: etree._Element, kind: str) -> list[tuple[str, Source]]:
        """The `inputParameter`s or `outputParameter`s of an element's camunda:inputOutput."""
        found: list[tuple[str, Source]] = []
        for mapping in camunda_elements(element, "inputOutput"):
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
            if value.get("resource") is not None:
                self.document.problem("a script in a resource is not supported", value)
            return self.script(value.get("scriptFormat"), value.text, value)
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
            return self.script(item.get("scriptFormat"), item.text, item)
        return self.expression((item.text or "").strip(), item, what)

    def delegate(self, element: etree._Element) -> str | None:
        """The name under which the element's delegate is registered, or None if it names none."""
        class_name = camunda(element, "class")
        expression = camunda(element, "delegateExpression")
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
