"""Holds a report to its schema: as much of JSON Schema as `schema.json` uses."""

import json
import pathlib

FILE = pathlib.Path(__file__).resolve().parent / "schema.json"
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


def problems(report):
    """What about a report is not as the schema says, each with its place."""
    schema = json.loads(FILE.read_text(encoding="utf-8"))
    return list(_problems(report, schema, schema, "report"))


def _is(value, kind):
    if kind in ("number", "integer"):
        return not isinstance(value, bool) and isinstance(value, int if kind == "integer" else (int, float))
    return isinstance(value, TYPES[kind])


def _problems(value, schema, root, place):
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_is(value, kind) for kind in kinds):
        yield f"{place}: {value!r} is no {' or '.join(kinds)}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{place}: {value!r} is none of {schema['enum']}"
    if "minimum" in schema and isinstance(value, (int, float)) and value < schema["minimum"]:
        yield f"{place}: {value} is below {schema['minimum']}"
    if isinstance(value, dict):
        yield from _object_problems(value, schema, root, place)
    if isinstance(value, list) and "items" in schema:
        for number, item in enumerate(value):
            yield from _problems(item, schema["items"], root, f"{place}[{number}]")


def _object_problems(value, schema, root, place):
    known = schema.get("properties", {})
    for name in schema.get("required", []):
        if name not in value:
            yield f"{place}: {name} is missing"
    others = schema.get("additionalProperties", True)
    for name, item in value.items():
        if name in known:
            yield from _problems(item, known[name], root, f"{place}.{name}")
        elif isinstance(others, dict):
            yield from _problems(item, others, root, f"{place}.{name}")
        elif not others:
            yield f"{place}: {name} is not known"
