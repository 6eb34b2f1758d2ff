"""Namespaces and tags."""

from __future__ import annotations

from lxml import etree

BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"
# with the names it had before
CAMUNDA = ("http://camunda.org/schema/1.0/bpmn", "http://activiti.org/bpmn", "http://www.camunda.com/fox")


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
