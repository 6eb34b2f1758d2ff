"""Camunda Spin's JSON inside expressions: `S(x)`, `JSON(x)`, and the nodes that reading it gives."""

from __future__ import annotations

from typing import Any

import orjson

from mlc_service.language.juel_budget import check
from mlc_service.language.juel_jsonpath import Path, compile_path
from mlc_service.language.juel_values import CannotCoerce, HostValue, to_text
from mlc_service.language.juel_xml import XmlElement, parse_xml

MAX_JSON = 10_000_000
_KINDS = ((bool, "Boolean"), (int | float, "Number"), (str, "String"), (list, "Array"), (dict, "Object"))


class JsonNode(HostValue):
    """A JSON value seen through Spin's methods; it is handed on as the plain value."""

    __slots__ = ("raw",)
    java_class = "org.camunda.spin.json.SpinJsonNode"

    def __init__(self, raw: Any) -> None:
        self.raw = raw

    def text(self) -> str:
        return orjson.dumps(self.raw, default=to_text).decode()

    def plain(self) -> Any:
        return self.raw

    def _as(self, kind: Any, wanted: str) -> Any:
        if not isinstance(self.raw, kind) or (isinstance(self.raw, bool) and kind is not bool):
            raise CannotCoerce(f"Expected '{wanted}', got '{_kind(self.raw)}'")
        return self.raw

    def prop(self, name: Any) -> JsonNode:
        if not isinstance(self.raw, dict) or to_text(name) not in self.raw:
            raise CannotCoerce(f"Unable to find '{to_text(name)}'")
        return JsonNode(self.raw[to_text(name)])

    def has_prop(self, name: Any) -> bool:
        return isinstance(self.raw, dict) and to_text(name) in self.raw

    def field_names(self) -> list[str]:
        return list(self._as(dict, "Object"))

    def elements(self) -> list[JsonNode]:
        return [JsonNode(item) for item in self._as(list, "SpinList")]

    def index_of(self, sought: Any) -> int:
        wanted = _raw(sought)
        return next((place for place, item in enumerate(self._as(list, "Array")) if _same(item, wanted)), -1)

    def last_index_of(self, sought: Any) -> int:
        items, wanted = self._as(list, "Array"), _raw(sought)
        return next((place for place in range(len(items) - 1, -1, -1) if _same(items[place], wanted)), -1)

    def contains(self, sought: Any) -> bool:
        return self.index_of(sought) >= 0

    def value(self) -> Any:
        if isinstance(self.raw, list | dict):
            raise CannotCoerce(f"Expected 'String/Number/Boolean/Null', got '{_kind(self.raw)}'")
        return self.raw

    def string_value(self) -> str:
        return str(self._as(str, "String"))

    def number_value(self) -> Any:
        return self._as(int | float, "Number")

    def bool_value(self) -> bool:
        return bool(self._as(bool, "Boolean"))

    def is_object(self) -> bool:
        return isinstance(self.raw, dict)

    def is_array(self) -> bool:
        return isinstance(self.raw, list)

    def is_value(self) -> bool:
        return not isinstance(self.raw, list | dict)

    def is_string(self) -> bool:
        return isinstance(self.raw, str)

    def is_number(self) -> bool:
        return isinstance(self.raw, int | float) and not isinstance(self.raw, bool)

    def is_boolean(self) -> bool:
        return isinstance(self.raw, bool)

    def is_null(self) -> bool:
        return self.raw is None

    def json_path(self, path: Any) -> JsonPathQuery:
        return JsonPathQuery(self.raw, compile_path(to_text(path)))

    def map_to(self, _java_class: Any) -> Any:
        """The plain value: what Java would map to a class is read by its keys here."""
        return self.raw

    def size(self) -> int:
        if not isinstance(self.raw, list | dict):
            raise CannotCoerce(f"Expected 'Array', got '{_kind(self.raw)}'")
        return len(self.raw)


class JsonPathQuery(HostValue):
    """What a JSONPath leads to, asked for in one form or another."""

    __slots__ = ("_path", "_root")
    java_class = "org.camunda.spin.json.SpinJsonPathQuery"

    def __init__(self, root: Any, path: Path) -> None:
        self._root = root
        self._path = path

    def text(self) -> str:
        return self._path.text

    def plain(self) -> Any:
        raise CannotCoerce("a JSONPath query is no value; ask it for element(), elementList(), stringValue() …")

    def element(self) -> JsonNode:
        check()
        return JsonNode(self._path.find(self._root))

    def element_list(self) -> list[JsonNode]:
        return self.element().elements()

    def string_value(self) -> str:
        return self.element().string_value()

    def number_value(self) -> Any:
        return self.element().number_value()

    def bool_value(self) -> bool:
        return self.element().bool_value()


def spin(source: Any) -> JsonNode | XmlElement:
    """`S(x)`: XML if the text begins with `<`, else JSON; what is data already is taken as it is."""
    if isinstance(source, str) and source.lstrip().startswith("<"):
        return parse_xml(source)
    if isinstance(source, XmlElement):
        return source
    return json_node(source)


def json_node(source: Any) -> JsonNode:
    """`JSON(x)`: the node of a JSON text, or of data. Raises CannotCoerce."""
    check()
    if isinstance(source, JsonNode):
        return source
    if source is None or isinstance(source, HostValue):
        raise CannotCoerce("Spin needs a JSON or XML text, not null" if source is None else "Spin needs a text")
    if not isinstance(source, str):
        return JsonNode(list(source) if isinstance(source, tuple) else source)
    if len(source) > MAX_JSON:
        raise CannotCoerce(f"the JSON is longer than {MAX_JSON} characters")
    try:
        return JsonNode(orjson.loads(source))
    except (orjson.JSONDecodeError, UnicodeEncodeError) as error:
        raise CannotCoerce(f"Unable to parse JSON: {error}") from None


def xml_element(source: Any) -> XmlElement:
    """`XML(x)`: the root element of an XML text. Raises CannotCoerce."""
    if isinstance(source, XmlElement):
        return source
    if not isinstance(source, str):
        raise CannotCoerce("Spin needs an XML text" + (", not null" if source is None else ""))
    return parse_xml(source)


def _raw(value: Any) -> Any:
    return value.raw if isinstance(value, JsonNode) else value


def _same(left: Any, right: Any) -> bool:
    return bool(isinstance(left, bool) == isinstance(right, bool) and left == right)


def _kind(value: Any) -> str:
    return next((name for kind, name in _KINDS if isinstance(value, kind)), "Null").upper()


_PROP_METHODS = {
    "prop": "prop", "hasProp": "has_prop", "fieldNames": "field_names", "elements": "elements",
    "jsonPath": "json_path", "isObject": "is_object", "isArray": "is_array", "isValue": "is_value",
    "isString": "is_string", "isNumber": "is_number", "isBoolean": "is_boolean", "isNull": "is_null",
    "value": "value", "stringValue": "string_value", "numberValue": "number_value", "boolValue": "bool_value",
}  # fmt: skip

# what an author writes -> the method behind it
JSON_METHODS = {
    **_PROP_METHODS, "indexOf": "index_of", "lastIndexOf": "last_index_of", "contains": "contains",
    "mapTo": "map_to", "size": "size", "toString": "text",
}  # fmt: skip
JSON_PATH_METHODS = {
    "element": "element", "elementList": "element_list", "stringValue": "string_value",
    "numberValue": "number_value", "boolValue": "bool_value",
}  # fmt: skip
XML_METHODS = {
    "name": "name", "namespace": "namespace", "prefix": "prefix", "hasNamespace": "has_namespace",
    "attr": "attr", "hasAttr": "has_attr", "attrs": "attrs", "attrNames": "attr_names",
    "textContent": "text_content", "childElements": "child_elements", "childElement": "child_element",
    "xPath": "xpath", "toString": "text",
}  # fmt: skip
ATTRIBUTE_METHODS = {
    "name": "name", "value": "value", "namespace": "namespace", "hasNamespace": "has_namespace", "toString": "text",
}  # fmt: skip
XPATH_METHODS = {
    "element": "element", "elementList": "element_list", "attribute": "attribute",
    "attributeList": "attribute_list", "string": "string", "number": "number", "bool": "bool", "ns": "ns",
}  # fmt: skip
# on a plain value, which stands for a node too: a Json variable is plain data here
PLAIN_METHODS = _PROP_METHODS
