"""XML inside expressions, as Camunda Spin reads it: elements, attributes and XPath, with no way out of the document."""

from __future__ import annotations

import re
from typing import Any
from xml.parsers import expat

from lxml import etree

from mlc_service.language.juel_budget import check
from mlc_service.language.juel_values import MAX_TEXT, CannotCoerce, HostValue, to_text

MAX_XPATH = 500
MAX_DEPTH = 200
# each time an XPath leaves the subtree it is in, it may look at the whole document again for every node so far, and
# joining what it finds costs as much once more
_MAX_COST = 3 * 10**9
_BEGINNING = re.compile(r"\s*(?:[\w-]+\s*\(\s*)*//?")
_STARTS_OVER = re.compile(
    r"//|\.\.|(?:descendant|following|preceding|ancestor|parent)[\w-]*\s*::"
    r"|(?:[\[(,=<>+|-]|\*\s|\b(?:and|or|div|mod)\b)\s*/(?!/)"
)
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_NOT_OFFERED = re.compile(r"\b(?:document|key|id)\s*\(|\bnamespace\s*::")


def parse_xml(text: str) -> XmlElement:
    """The root element. Raises CannotCoerce for what is not well-formed, has a DOCTYPE, or is too large or deep."""
    check()
    if len(text) > MAX_TEXT:
        raise CannotCoerce(f"the XML is longer than {MAX_TEXT} characters")
    source = text.encode("utf-8", "replace")
    nodes = _checked(source)
    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False,
        remove_comments=False,
    )  # fmt: skip
    try:
        root = etree.fromstring(source, parser)
    except etree.XMLSyntaxError as broken:
        raise CannotCoerce(f"Unable to parse XML: {broken.msg}") from None
    # long texts cost too, when a path compares them
    return XmlElement(root, max(nodes, len(text) // 100))


def _checked(source: bytes) -> int:
    """How many elements and attributes there are; expat meets a DOCTYPE and deep nesting before a tree exists."""
    parser = expat.ParserCreate("utf-8")
    depth = nodes = 0

    def opened(_name: str, attributes: dict[str, str]) -> None:
        nonlocal depth, nodes
        depth += 1
        nodes += 1 + len(attributes)
        if depth > MAX_DEPTH:
            raise CannotCoerce(f"Unable to parse XML: elements are nested more than {MAX_DEPTH} deep")

    def closed(_name: str) -> None:
        nonlocal depth
        depth -= 1

    def doctype(*_: object) -> None:
        raise CannotCoerce("Unable to parse XML: a DOCTYPE is not allowed")

    parser.StartElementHandler = opened
    parser.EndElementHandler = closed
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(source, True)
    except expat.ExpatError as broken:
        raise CannotCoerce(f"Unable to parse XML: {expat.ErrorString(broken.code)}") from None
    return nodes


class XmlElement(HostValue):
    """An element; `size` is how much there is in its document, which bounds what a path may cost."""

    __slots__ = ("_element", "_size")
    java_class = "org.camunda.spin.xml.SpinXmlElement"

    def __init__(self, element: etree._Element, size: int) -> None:
        self._element = element
        self._size = size

    def text(self) -> str:
        written = etree.tostring(self._element, encoding="unicode", with_tail=False)
        return f'<?xml version="1.0" encoding="UTF-8"?>{written}'

    plain = text

    def name(self) -> str:
        return etree.QName(self._element).localname

    def namespace(self) -> str | None:
        return etree.QName(self._element).namespace

    def prefix(self) -> str | None:
        prefix: str | None = self._element.prefix
        return prefix

    def has_namespace(self, uri: Any) -> bool:
        return bool(self.namespace() == uri)

    def attr(self, *path: Any) -> XmlAttribute:
        """The attribute of that name, or of that namespace and name."""
        key = _qualified(path)
        if key not in self._element.attrib:
            raise CannotCoerce(f"Unable to find attribute '{to_text(path[-1])}'")
        return XmlAttribute(key, str(self._element.attrib[key]))

    def has_attr(self, *path: Any) -> bool:
        return _qualified(path) in self._element.attrib

    def attrs(self) -> list[XmlAttribute]:
        return [XmlAttribute(str(key), str(value)) for key, value in self._element.attrib.items()]

    def attr_names(self) -> list[str]:
        return [attribute.name() for attribute in self.attrs()]

    def text_content(self) -> str:
        return str(self._element.xpath("string()"))

    def child_elements(self, *path: Any) -> list[XmlElement]:
        """All child elements, or those of that name, of which there must be one (namespace first, if given)."""
        found = [XmlElement(child, self._size) for child in self._element if isinstance(child.tag, str)]
        if path:
            namespace = to_text(path[0]) if len(path) > 1 else self.namespace()
            name = to_text(path[-1])
            found = [child for child in found if child.name() == name and child.namespace() == namespace]
            if not found:
                raise CannotCoerce(f"Unable to find child element '{name}'")
        return found

    def child_element(self, name: Any, *rest: Any) -> XmlElement:
        found = self.child_elements(name, *rest)
        if len(found) > 1:
            raise CannotCoerce(f"More than one child element '{found[0].name()}' was found; use childElements")
        return found[0]

    def xpath(self, expression: Any) -> XPathQuery:
        return XPathQuery(self, to_text(expression), {})

    def select(self, expression: str, namespaces: dict[str, str]) -> Any:
        """What lxml finds. Raises CannotCoerce for a path that cannot be read or would cost too much."""
        check()
        _refuse_costly(expression, self._size)
        try:
            # without regexp=False, EXSLT's regular expressions could be called, which nothing stops
            found = etree.XPath(expression, namespaces=namespaces or None, regexp=False)(self._element)
        except (etree.XPathError, ValueError, TypeError) as broken:
            raise CannotCoerce(f"Unable to evaluate XPath expression '{expression[:100]}': {broken}") from None
        check()
        return found

    def wrapped(self, node: Any) -> XmlElement:
        return XmlElement(node, self._size)


class XmlAttribute(HostValue):
    __slots__ = ("_key", "_value")
    java_class = "org.camunda.spin.xml.SpinXmlAttribute"

    def __init__(self, key: str, value: str) -> None:
        self._key = key
        self._value = value

    def text(self) -> str:
        return self._value

    plain = text
    value = text

    def name(self) -> str:
        return etree.QName(self._key).localname

    def namespace(self) -> str | None:
        return etree.QName(self._key).namespace

    def has_namespace(self, uri: Any) -> bool:
        return bool(self.namespace() == uri)


class XPathQuery(HostValue):
    """A path waiting to be asked for its outcome in one form or another."""

    __slots__ = ("_element", "_expression", "_namespaces")
    java_class = "org.camunda.spin.xml.SpinXPathQuery"

    def __init__(self, element: XmlElement, expression: str, namespaces: dict[str, str]) -> None:
        self._element = element
        self._expression = expression
        self._namespaces = namespaces

    def text(self) -> str:
        return self._expression

    def plain(self) -> Any:
        raise CannotCoerce("an XPath query is no value; ask it for element(), elementList(), attribute(), string() …")

    def ns(self, prefix: Any, uri: Any) -> XPathQuery:
        return XPathQuery(self._element, self._expression, {**self._namespaces, to_text(prefix): to_text(uri)})

    def _nodes(self) -> list[Any]:
        found = self._element.select(self._expression, self._namespaces)
        if not isinstance(found, list):
            raise CannotCoerce(f"the XPath '{self._expression[:100]}' gives no nodes; use string(), number() or bool()")
        if not found:
            raise CannotCoerce(f"Unable to find XPath expression '{self._expression[:100]}'")
        return found

    def element(self) -> XmlElement:
        return self.element_list()[0]

    def element_list(self) -> list[XmlElement]:
        nodes = self._nodes()
        if not all(isinstance(node, etree._Element) for node in nodes):
            raise CannotCoerce("Unable to cast XPath expression to elements")
        return [self._element.wrapped(node) for node in nodes]

    def attribute(self) -> XmlAttribute:
        return self.attribute_list()[0]

    def attribute_list(self) -> list[XmlAttribute]:
        nodes = self._nodes()
        if not all(getattr(node, "is_attribute", False) for node in nodes):
            raise CannotCoerce("Unable to cast XPath expression to attributes")
        return [XmlAttribute(str(node.attrname), str(node)) for node in nodes]

    def string(self) -> str:
        return str(self._element.select(f"string({self._expression})", self._namespaces))

    def number(self) -> float:
        return float(self._element.select(f"number({self._expression})", self._namespaces))

    def bool(self) -> bool:
        return self._element.select(f"boolean({self._expression})", self._namespaces) is True


def _qualified(path: tuple[Any, ...]) -> str:
    name = to_text(path[-1])
    if not 1 <= len(path) <= 2 or not name:
        raise CannotCoerce("a name, or a namespace and a name, is expected")
    return f"{{{to_text(path[0])}}}{name}" if len(path) > 1 and path[0] is not None else name


def _refuse_costly(expression: str, size: int) -> None:
    if len(expression) > MAX_XPATH:
        raise CannotCoerce(f"the XPath is longer than {MAX_XPATH} characters")
    bare = _QUOTED.sub("''", expression)
    if _NOT_OFFERED.search(bare):
        raise CannotCoerce("the XPath functions document(), id(), key() and the axis namespace:: are not offered")
    beginning = _BEGINNING.match(bare)
    restarts = len(_STARTS_OVER.findall(bare, beginning.end() if beginning else 0))
    if restarts and max(2, size) ** (2 + restarts) > _MAX_COST:
        raise CannotCoerce(
            "the XPath would search so large a document too many times over; write it with fewer // and .."
        )
