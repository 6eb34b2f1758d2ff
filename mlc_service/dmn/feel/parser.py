"""FEEL tokens become a syntax tree (grammar of DMN 1.5 §10.3.1.2, recursive descent)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from mlc_service.dmn.feel import times, tree
from mlc_service.dmn.feel.scanner import FeelSyntaxError, Scanner, Token, unescape
from mlc_service.dmn.feel.tree import Node

Types = Mapping[str, tree.TypeOf]
MAX_DEPTH = 40
_TEST_OPERATORS = ("<", "<=", ">", ">=", "=", "!=")
_KEY = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^\s\d"{}\[\](),:;<>=!@][^"{}\[\](),:;<>=!@]*?))\s*:')
_PARAMETER = re.compile(r"\s*([^\W\d][\w\s]*?)\s*:", re.ASCII)


def parse_expression(text: str, known: Iterable[str] = (), *, strict: bool = False, types: Types | None = None) -> Node:
    """The tree of an expression. Raises FeelSyntaxError with the place.

    `types` are those that the file declares, by the name that stands behind `instance of`.
    """
    parser = _Parser(text, known, strict, types or {})
    node = parser.expression()
    parser.expect_end()
    return node


def parse_type(text: str) -> tree.TypeOf:
    """The type written as `list<number>` and the like. Raises FeelSyntaxError."""
    parser = _Parser(text, (), True, {})
    found = parser.type_of()
    parser.expect_end()
    return found


def parse_tests(text: str, known: Iterable[str] = (), types: Types | None = None) -> tree.UnaryTests:
    """The tree of a decision table's input cell: `-` or nothing, tests with commas between, or `not(tests)`."""
    if text.strip() in ("", "-"):
        return tree.UnaryTests(())
    parser = _Parser(text, known, True, types or {})
    negated = parser.negated_tests()
    if negated is not None:
        return tree.UnaryTests(negated, negated=True)
    tests = parser.tests()
    parser.expect_end()
    return tree.UnaryTests(tests)


class _Parser:
    def __init__(self, text: str, known: Iterable[str], strict: bool, types: Types) -> None:
        self._scanner = Scanner(text, known)
        self._strict = strict
        self._types = types
        self._depth = 0
        self._token: Token = self._scanner.read(0)

    # tokens

    def _take(self) -> Token:
        token = self._token
        self._token = self._scanner.read(token.end)
        return token

    def _at(self, *texts: str) -> bool:
        return self._token.kind in ("op", "keyword") and self._token.text in texts

    def _accept(self, *texts: str) -> str | None:
        return self._take().text if self._at(*texts) else None

    def _expect(self, *texts: str) -> str:
        if not self._at(*texts):
            raise self._unexpected(" or ".join(f"'{text}'" for text in texts))
        return self._take().text

    def _unexpected(self, wanted: str) -> FeelSyntaxError:
        found = "the end" if self._token.kind == "end" else f"'{self._token.text}'"
        return FeelSyntaxError(f"{wanted} expected, but {found} found", self._token.start)

    def _back_to(self, token: Token) -> None:
        self._token = token

    def expect_end(self) -> None:
        if self._token.kind != "end":
            raise FeelSyntaxError(f"'{self._token.text}' is left over after the expression", self._token.start)

    # unary tests

    def negated_tests(self) -> tuple[Node, ...] | None:
        """The tests of `not(...)` if that is the whole cell; else None, and nothing is read."""
        start = self._token
        if not (start.kind == "name" and start.text == "not"):
            return None
        self._take()
        if self._accept("("):
            tests = self.tests()
            if self._accept(")") and self._token.kind == "end":
                return tests
        self._back_to(start)
        return None

    def tests(self) -> tuple[Node, ...]:
        tests = [self._test()]
        while self._accept(","):
            tests.append(self._test())
        return tuple(tests)

    def _test(self) -> Node:
        if self._at(*_TEST_OPERATORS):
            operator = self._take().text
            return tree.OperatorTest(operator, self._additive())
        return self.expression()

    # expressions, loosest first

    def expression(self) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise FeelSyntaxError(f"nested more than {MAX_DEPTH} deep", self._token.start)
        try:
            if self._accept("if"):
                return self._if()
            if self._accept("for"):
                loops = self._loops(steps=True)
                self._expect("return")
                return tree.For(loops, self.expression())
            if self._at("some", "every"):
                every = self._take().text == "every"
                loops = self._loops(steps=True)
                self._expect("satisfies")
                return tree.Quantified(every, loops, self.expression())
            return self._or()
        finally:
            self._depth -= 1

    def _if(self) -> Node:
        condition = self.expression()
        self._expect("then")
        then = self.expression()
        self._expect("else")
        return tree.If(condition, then, self.expression())

    def _loops(self, *, steps: bool) -> tuple[tuple[str, Node], ...]:
        loops: list[tuple[str, Node]] = []
        while not loops or self._accept(","):
            name = self._name()
            self._expect("in")
            source = self.expression()
            if steps and self._accept(".."):
                source = tree.Steps(source, self.expression())
            loops.append((name, source))
        return tuple(loops)

    def _name(self) -> str:
        if self._token.kind != "name":
            raise self._unexpected("a name")
        return self._take().text

    def _or(self) -> Node:
        node = self._and()
        while self._accept("or"):
            node = tree.Logic("or", node, self._and())
        return node

    def _and(self) -> Node:
        node = self._comparison()
        while self._accept("and"):
            node = tree.Logic("and", node, self._comparison())
        return node

    def _comparison(self) -> Node:
        node = self._additive()
        while True:
            if self._at(*_TEST_OPERATORS):
                node = tree.Comparison(self._take().text, node, self._additive())
            elif self._accept("between"):
                low = self._additive()
                self._expect("and")
                node = tree.Between(node, low, self._additive())
            elif self._accept("in"):
                node = tree.Membership(node, self._group())
            else:
                return node

    def _group(self) -> tuple[Node, ...]:
        """The right side of `in`: one test, or several in parentheses."""
        start = self._token
        if self._accept("("):
            tests = self.tests()
            if self._accept(")") and not self._at(".", "["):
                return tests
            self._back_to(start)
        if self._at(*_TEST_OPERATORS):
            operator = self._take().text
            return (tree.OperatorTest(operator, self._additive()),)
        return (self._additive(),)

    def _additive(self, *, filters: bool = True) -> Node:
        node = self._multiplicative(filters)
        while self._at("+", "-"):
            node = tree.Arithmetic(self._take().text, node, self._multiplicative(filters))
        return node

    def _multiplicative(self, filters: bool) -> Node:
        node = self._power(filters)
        while self._at("*", "/"):
            node = tree.Arithmetic(self._take().text, node, self._power(filters))
        return node

    def _power(self, filters: bool) -> Node:
        node = self._unary(filters)
        while self._accept("**"):
            node = tree.Arithmetic("**", node, self._unary(filters))
        return node

    def _unary(self, filters: bool) -> Node:
        minuses = 0
        while self._accept("-"):
            minuses += 1
        if minuses > MAX_DEPTH:
            raise FeelSyntaxError(f"more than {MAX_DEPTH} signs", self._token.start)
        node = self._postfix(filters)
        for _ in range(minuses):
            node = tree.Negative(node)
        while self._accept("instance"):
            self._of()
            node = tree.InstanceOf(node, self.type_of())
        return node

    def _of(self) -> None:
        # `of` is a word like any other, so it may have been read together with the type behind it
        text = self._scanner.text
        start = self._token.start
        if not re.compile(r"of\b").match(text, start):
            raise self._unexpected("'of'")
        self._token = self._scanner.read(start + 2)

    def _postfix(self, filters: bool) -> Node:
        node = self._primary()
        while True:
            if self._accept("."):
                if self._token.kind not in ("name", "keyword"):
                    raise self._unexpected("a name")
                node = tree.Path(node, self._take().text)
            elif (filters or self._opens_filter()) and self._accept("["):
                condition = self.expression()
                self._expect("]")
                node = tree.Filter(node, condition)
            elif self._accept("("):
                node = self._call(node)
            else:
                return node

    def _opens_filter(self) -> bool:
        """Whether the bracket behind a range's upper end begins a filter: a value stands behind it, as nothing that
        follows a range does. `[0..0.1[` ends there."""
        if not self._at("["):
            return False
        ahead = self._scanner.read(self._token.end)
        return ahead.kind in ("number", "string", "at", "name") or ahead.text in ("true", "false", "null")

    def _call(self, function: Node) -> Node:
        if self._accept(")"):
            return tree.Call(function, ())
        names: list[str] = []
        arguments: list[Node] = []
        while not arguments or self._accept(","):
            named = _PARAMETER.match(self._scanner.text, self._token.start)
            if named and (names or not arguments):
                names.append(" ".join(named[1].split()))
                self._token = self._scanner.read(named.end())
            arguments.append(self.expression())
        self._expect(")")
        if names and len(names) != len(arguments):
            raise FeelSyntaxError("named and positional arguments are mixed", self._token.start)
        return tree.Call(function, tuple(arguments), tuple(names) or None)

    def _primary(self) -> Node:
        token = self._token
        if token.kind in ("number", "string"):
            return tree.Literal(self._take().value)
        if token.kind == "at":
            value = times.parse_any(token.value)
            if value is None and self._strict:
                raise FeelSyntaxError(f"@{token.value!r} is no date, time or duration", token.start)
            self._take()
            return tree.Literal(value)
        if token.kind == "name":
            if token.text.startswith("not "):
                raise FeelSyntaxError("'not' needs parentheses: not(...)", token.start)
            return tree.Name(self._take().text)
        if token.kind == "keyword" and token.text in _CONSTANTS:
            return tree.Literal(_CONSTANTS[self._take().text])
        if self._accept("function"):
            return self._function()
        if self._accept("{"):
            return self._context()
        if self._accept("("):
            return self._parenthesis()
        if self._accept("["):
            return self._bracket()
        if self._accept("]"):
            return self._range_end(self._additive(), low_included=False)
        raise self._unexpected("a value")

    # brackets

    def _parenthesis(self) -> Node:
        if self._at(*_TEST_OPERATORS):
            operator, end = self._take().text, self._additive()
            self._expect(")")
            return _half_open(operator, end)
        if self._accept(".."):
            return self._close_range(None, low_included=False)
        node = self.expression()
        if self._at(".."):
            return self._range_end(node, low_included=False)
        self._expect(")")
        return node

    def _bracket(self) -> Node:
        if self._accept("]"):
            return tree.ListOf(())
        if self._accept(".."):
            return self._close_range(None, low_included=True)
        node = self._test()
        if self._at(".."):
            return self._range_end(node, low_included=True)
        items = [node]
        while self._accept(","):
            items.append(self._test())
        self._expect("]")
        return tree.ListOf(
            tuple(_half_open(i.operator, i.end) if isinstance(i, tree.OperatorTest) else i for i in items)
        )

    def _range_end(self, low: Node, *, low_included: bool) -> Node:
        self._expect("..")
        return self._close_range(low, low_included=low_included)

    def _close_range(self, low: Node | None, *, low_included: bool) -> Node:
        high = None if self._at("]", ")", "[") else self._additive(filters=False)
        closing = self._expect("]", ")", "[")
        return tree.RangeOf(low, high, low_included, closing == "]")

    def _context(self) -> Node:
        entries: list[tuple[str, Node]] = []
        twice = False
        if self._accept("}"):
            return tree.ContextOf(())
        while not entries or self._accept(","):
            found = _KEY.match(self._scanner.text, self._token.start)
            if not found:
                raise self._unexpected("a key and ':'")
            key = unescape(found[1]) if found[1] is not None else " ".join(found[2].split())
            twice = twice or any(key == earlier for earlier, _ in entries)
            if twice and self._strict:
                raise FeelSyntaxError(f"the key '{key}' is there twice", self._token.start)
            self._token = self._scanner.read(found.end())
            value = self.expression()
            self._scanner.know(key)
            entries.append((key, value))
        self._expect("}")
        return tree.Literal(None) if twice else tree.ContextOf(tuple(entries))

    def _function(self) -> Node:
        self._expect("(")
        parameters: list[tuple[str, tree.TypeOf | None]] = []
        while not self._accept(")"):
            if parameters:
                self._expect(",")
            name = self._name()
            parameters.append((name, self.type_of() if self._accept(":") else None))
        if self._token.kind == "name" and self._token.text.startswith("external"):
            self._token = self._scanner.read(self._token.start + len("external"))
            return tree.External(tuple(name for name, _ in parameters), self.expression())
        return tree.FunctionOf(tuple(parameters), self.expression())

    # types

    def type_of(self) -> tree.TypeOf:
        if self._accept("function"):
            return self._function_type()
        name = self._name() if self._token.kind == "name" else self._expect("null")
        while self._accept("."):
            name += "." + self._name()
        if not self._accept("<"):
            return self._types.get(name) or tree.TypeOf(name)
        if name == "context":
            fields: list[tuple[str, tree.TypeOf]] = []
            while not fields or self._accept(","):
                field = self._name()
                self._expect(":")
                fields.append((field, self.type_of()))
            self._expect(">")
            return tree.TypeOf(name, fields=tuple(fields))
        inner = [self.type_of()]
        while self._accept(","):
            inner.append(self.type_of())
        self._expect(">")
        return tree.TypeOf(name, tuple(inner))

    def _function_type(self) -> tree.TypeOf:
        inner: list[tree.TypeOf] = []
        self._expect("<")
        while not self._accept(">"):
            if inner:
                self._expect(",")
            inner.append(self.type_of())
        self._expect("->")
        return tree.TypeOf("function", (*inner, self.type_of()))


def _half_open(operator: str, end: Node) -> Node:
    """`(< 10)` as a value is the range up to 10."""
    if operator in ("<", "<="):
        return tree.RangeOf(None, end, False, operator == "<=")
    if operator in (">", ">="):
        return tree.RangeOf(end, None, operator == ">=", False)
    return tree.OperatorTest(operator, end)


_CONSTANTS = {"true": True, "false": False, "null": None}
