"""An XML file from a stranger, read safely, with the line and column of every element.

Two passes: expat first, which knows columns and meets a DOCTYPE before anything in it can do harm (so neither entity
bombs nor external entities exist here), then lxml for the tree. Elements are matched by their order in the file.
"""

from __future__ import annotations

from xml.parsers import expat

from lxml import etree

from ...problems import InvalidResource, Problem

# a diagram drawn by people stays far below these
_MAX_DEPTH = 200
_MAX_BYTES = 20 * 1024 * 1024


class _Refused(Exception):
    def __init__(self, message: str) -> None:
        self.message = message
        super().__init__(message)


class Document:
    """A well-formed document; `problems` collects what is found in it."""

    def __init__(self, resource: str, root: etree._Element, positions: list[tuple[int, int]]) -> None:
        self.resource = resource
        self.root = root
        self.problems: list[Problem] = []
        # the elements are kept: lxml hands out a new proxy, with another hash, for one that nobody holds
        self._elements = list(root.iter("*"))
        self._positions = dict(zip(self._elements, positions, strict=True))
        self._by_id = {element.get("id"): element for element in reversed(self._elements) if element.get("id")}

    def position(self, element: etree._Element) -> tuple[int, int]:
        """Line and column of the element's start tag, from 1."""
        return self._positions[element]

    def element(self, element_id: str) -> etree._Element | None:
        """The element with that id, the first of the file if there are several."""
        return self._by_id.get(element_id)

    def problem(self, message: str, element: etree._Element, *, severity: str = "error") -> None:
        """The finding is noted at the element, or at the nearest one around it that has an id."""
        line, column = self.position(element)
        self.problems.append(Problem(message, line, column, _nearest_id(element), severity))

    @property
    def errors(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.severity == "error"]

    @property
    def warnings(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.severity != "error"]


def read_document(source: bytes, resource: str) -> Document:
    """The document. Raises InvalidResource with one problem if it is no XML we accept."""
    if len(source) > _MAX_BYTES:
        raise InvalidResource(resource, [Problem(f"the file is larger than {_MAX_BYTES} bytes")])
    positions = _positions(source, resource)
    # without comments and instructions, a text that they interrupt is one text
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(source, parser)
    except etree.XMLSyntaxError as broken:
        line, column = broken.position
        raise InvalidResource(resource, [Problem(f"not well-formed XML: {broken.msg}", line, column)]) from None
    return Document(resource, root, positions)


def _positions(source: bytes, resource: str) -> list[tuple[int, int]]:
    parser = expat.ParserCreate()
    positions: list[tuple[int, int]] = []
    depth = 0

    def opened(_name: str, _attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _MAX_DEPTH:
            raise _Refused(f"elements are nested more than {_MAX_DEPTH} deep")
        positions.append((parser.CurrentLineNumber, parser.CurrentColumnNumber + 1))

    def closed(_name: str) -> None:
        nonlocal depth
        depth -= 1

    def doctype(*_: object) -> None:
        raise _Refused("a DOCTYPE is not allowed: entities could read files or exhaust memory")

    parser.StartElementHandler = opened
    parser.EndElementHandler = closed
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(source, True)
    except expat.ExpatError as broken:
        message = f"not well-formed XML: {expat.ErrorString(broken.code)}"
        raise InvalidResource(resource, [Problem(message, broken.lineno, broken.offset + 1)]) from None
    except _Refused as refused:
        place = (parser.CurrentLineNumber, parser.CurrentColumnNumber + 1)
        raise InvalidResource(resource, [Problem(refused.message, *place)]) from None
    except (ValueError, LookupError) as broken:
        raise InvalidResource(resource, [Problem(f"not well-formed XML: {broken}", 1, 1)]) from None
    return positions


def _nearest_id(element: etree._Element) -> str | None:
    current: etree._Element | None = element
    while current is not None:
        if current.get("id"):
            return current.get("id")
        current = current.getparent()
    return None
