"""Namespaces and tags."""

from __future__ import annotations

from lxml import etree

BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"
# with the names it had before
CAMUNDA = ("http://camunda.org/schema/1.0/bpmn", "http://activiti.org/bpmn", "http://www.camunda.com/fox")

# engines whose files look alike, by the namespaces of what only they carry out
FOREIGN = {
    "http://flowable.org/bpmn": "flowable",
    "http://camunda.org/schema/zeebe/1.0": "zeebe",
    "http://www.jboss.org/drools": "drools",
}


def bpmn(local: str) -> str:
    return f"{{{BPMN}}}{local}"


def local_name(element: etree._Element) -> str:
    return str(etree.QName(element).localname)


def camunda(element: etree._Element, name: str) -> str | None:
    """The camunda attribute, also under its old namespaces."""
    for namespace in CAMUNDA:
        value = element.get(f"{{{namespace}}}{name}")
        if value is not None:
            return value
    return None


def unqualified(reference: str) -> str:
    """The id that a reference names, which a file may write with the prefix of its own namespace."""
    return reference.rpartition(":")[2]


def foreign(element: etree._Element) -> list[str]:
    """What only another engine would carry out at a BPMN element, as its author knows it."""
    attributes = [(etree.QName(name), f"={str(value)!r}") for name, value in element.attrib.items()]
    extensions = [
        (etree.QName(extension), "")
        for group in children(element, "extensionElements")
        for extension in group.iterchildren("*")
    ]
    return [
        f"{FOREIGN[name.namespace]}:{name.localname}{value}"
        for name, value in attributes + extensions
        if name.namespace in FOREIGN
    ]


def own_text(element: etree._Element) -> str:
    """The text of an expression, which may stand beside documentation and extension elements."""
    return "".join([element.text or "", *(inner.tail or "" for inner in element)]).strip()


def children(element: etree._Element, local: str) -> list[etree._Element]:
    return element.findall(bpmn(local))


def child(element: etree._Element, local: str) -> etree._Element | None:
    return element.find(bpmn(local))


def camunda_elements(element: etree._Element, local: str | None = None) -> list[etree._Element]:
    """The camunda extension elements of a BPMN element, or those of one name."""
    found = []
    for extensions in children(element, "extensionElements"):
        for extension in extensions.iterchildren("*"):
            name = etree.QName(extension)
            if name.namespace in CAMUNDA and (local is None or name.localname == local):
                found.append(extension)
    return found


def camunda_children(element: etree._Element, local: str) -> list[etree._Element]:
    """Children of an extension element."""
    return [
        item
        for item in element.iterchildren("*")
        if etree.QName(item).namespace in CAMUNDA and etree.QName(item).localname == local
    ]
