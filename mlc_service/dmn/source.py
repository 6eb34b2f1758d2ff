"""DMN text becomes an XML tree whose elements know their line and column."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn
from xml.parsers import expat

from lxml import etree

from mlc_service.problems import Problem

# files in the wild have either protocol, whatever the standard says
NAMESPACES = frozenset(
    f"{protocol}://www.omg.org/spec/DMN/{rest}"
    for protocol in ("http", "https")
    for rest in (
        *("20151101/dmn.xsd", "20151101/dmn11.xsd"),
        *("20180521/MODEL/", "20191111/MODEL/", "20211108/MODEL/", "20230324/MODEL/"),
    )
)
# of those, what Camunda 7 reads: DMN 1.1 to 1.3
CAMUNDA_VERSIONS = ("20151101", "20180521", "20191111")
CAMUNDA = "http://camunda.org/schema/1.0/dmn"
Element = etree._Element
_NOTHING_LEFT = ("no element found", "unclosed token", "partial character", "unclosed CDATA section")


class Unreadable(Exception):
    """The file is not XML that we read."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.message)


class Source:
    """A DMN file's tree: `root`, and where each element and each character of its text stands."""

    def __init__(self, source: bytes) -> None:
        """The tree is built. Raises Unreadable for what is not XML, has a DOCTYPE, or is not DMN."""
        places = _Places(source)
        try:
            self.root: Element = etree.fromstring(source, _parser())
        except etree.XMLSyntaxError as error:
            line, column = error.position
            raise Unreadable(Problem(f"this is not XML: {error.msg}", line or 0, column or 0)) from None
        self._elements = {element: at for at, element in enumerate(elements(self.root))}
        self._places = places
        name = etree.QName(self.root)
        if name.localname != "definitions" or name.namespace not in NAMESPACES:
            message = f"the root element is '{self.root.tag}', not the definitions of DMN 1.1 to 1.5"
            raise Unreadable(Problem(message, *self.place(self.root)))

    def place(self, element: Element) -> tuple[int, int]:
        """Line and column of the element's start tag, from 1."""
        at = self._elements[element]
        return self._places.starts[at]

    def place_in_text(self, element: Element, offset: int) -> tuple[int, int]:
        """Line and column of the character at `offset` in the element's text, counting an entity as one character."""
        chunks = self._places.texts.get(self._elements[element], [])
        found = next((chunk for chunk in reversed(chunks) if chunk[0] <= offset), None)
        if found is None:
            return self.place(element)
        start, line, column = found
        return line, column + offset - start


def elements(root: Element) -> Iterator[Element]:
    """The element and all below it in document order, without comments and instructions."""
    return (element for element in root.iter() if isinstance(element.tag, str))


def _parser() -> etree.XMLParser:
    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )


class _Places:
    """Where things stand in the file. lxml knows lines only, so expat reads the file first, and stops at a DOCTYPE,
    before any entity could be declared."""

    def __init__(self, source: bytes) -> None:
        self.starts: list[tuple[int, int]] = []
        self.texts: dict[int, list[tuple[int, int, int]]] = {}
        self._open: list[int] = []
        self._read = 0
        self._expat = expat.ParserCreate()
        self._expat.buffer_text = False
        self._expat.StartElementHandler = self._start
        self._expat.EndElementHandler = self._end
        self._expat.CharacterDataHandler = self._characters
        self._expat.StartDoctypeDeclHandler = self._doctype
        try:
            self._expat.Parse(source, True)
        except expat.ExpatError as error:
            raise Unreadable(_explain(error)) from None
        except (ValueError, LookupError) as error:  # an encoding nobody knows
            raise Unreadable(Problem(f"this is not XML: {error}", 1, 1)) from None

    def _here(self) -> tuple[int, int]:
        return self._expat.CurrentLineNumber, self._expat.CurrentColumnNumber + 1

    def _start(self, name: str, _attributes: dict[str, str]) -> None:
        self._open.append(len(self.starts) if name.rpartition(":")[2] == "text" else -1)
        self.starts.append(self._here())
        self._read = 0

    def _end(self, _name: str) -> None:
        self._open.pop()

    def _characters(self, text: str) -> None:
        if self._open and self._open[-1] >= 0:
            self.texts.setdefault(self._open[-1], []).append((self._read, *self._here()))
            self._read += len(text)

    def _doctype(self, *_: object) -> NoReturn:
        message = "a DOCTYPE is not allowed: it could declare entities"
        raise Unreadable(Problem(message, *self._here()))


def _explain(error: expat.ExpatError) -> Problem:
    reason = expat.ErrorString(error.code)
    if any(reason.startswith(known) for known in _NOTHING_LEFT):
        reason = f"it ends too early ({reason})"
    return Problem(f"this is not XML: {reason}", error.lineno, error.offset + 1)
