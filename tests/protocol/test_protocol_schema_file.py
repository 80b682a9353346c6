"""The JSON Schema that editors use says what the reader says."""

import json
from pathlib import Path
from typing import Any

import pytest

from study.protocol import json_schema
from study.protocol.jsonschema import DIALECT
from study.protocol.yamltree import parse
from study.registry import ATTRIBUTIONS, FORMATS, MASKINGS, METRICS, TRAININGS

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = sorted((ROOT / "protocols").glob("*.yaml"))


def fits(value: Any, schema: dict[str, Any], whole: dict[str, Any]) -> bool:
    """The part of JSON Schema that our schema uses, so that a test needs no further library."""
    if "$ref" in schema:
        return fits(value, whole["$defs"][schema["$ref"].rpartition("/")[2]], whole)
    if "anyOf" in schema and not any(fits(value, option, whole) for option in schema["anyOf"]):
        return False
    if "oneOf" in schema and sum(fits(value, option, whole) for option in schema["oneOf"]) != 1:
        return False
    if ("enum" in schema and value not in schema["enum"]) or ("const" in schema and value != schema["const"]):
        return False
    kinds = schema.get("type", [])
    if kinds and not any(_is(value, kind) for kind in ([kinds] if isinstance(kinds, str) else kinds)):
        return False
    if isinstance(value, dict):
        return _fits_mapping(value, schema, whole)
    if isinstance(value, list):
        return all(fits(item, schema.get("items", {}), whole) for item in value)
    is_number = isinstance(value, int | float)
    low, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    return not (is_number and ((low is not None and value < low) or (above is not None and value <= above)))


def _fits_mapping(value: dict[str, Any], schema: dict[str, Any], whole: dict[str, Any]) -> bool:
    others = schema.get("additionalProperties", True)
    properties = schema.get("properties", {})
    if any(name not in value for name in schema.get("required", [])):
        return False
    for name, item in value.items():
        if name in properties:
            good = fits(item, properties[name], whole)
        else:
            good = others if isinstance(others, bool) else fits(item, others, whole)
        if not good:
            return False
    return True


def _is(value: Any, kind: str) -> bool:
    if kind in ("integer", "number"):
        return isinstance(value, int if kind == "integer" else int | float) and not isinstance(value, bool)
    types = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
    return isinstance(value, types[kind])


def test_the_file_beside_the_protocols_is_current() -> None:
    stored = json.loads((ROOT / "protocols" / "schema.json").read_text(encoding="utf8"))
    assert stored == json_schema(), "run: study schema"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_protocol_fits(path: Path) -> None:
    schema = json_schema()
    assert fits(parse(path).data, schema, schema)


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("target_class", "lable"),
        ("seeds", 0),
        ("arms", {"a": ["finetun"]}),
        ("arms", {"a": [{"mae": {"masking": "centre"}}]}),
        ("arms", {"a": [{"mae": {"masknig": "center"}}]}),
        ("explain", ["grad_cam"]),
        ("measure", [{"insertion": {"baseline": "blurr"}}]),
        ("measure", [{"insertion": {"steps": 0}}]),
        ("data", {"a": {"format": "csf"}}),
        ("data", {"a": {"anatomy": "chest", "images": 4}}),
        ("analysis", {"primary": {}}),
        ("surprise", 1),
    ],
)
def test_what_the_reader_refuses_does_not_fit(where: str, value: Any) -> None:
    schema = json_schema()
    good = parse(ROOT / "protocols" / "smoke.yaml").data
    assert not fits(good | {where: value}, schema, schema)


def test_every_registered_name_completes() -> None:
    text = json.dumps(json_schema())
    for table in (ATTRIBUTIONS, FORMATS, MASKINGS, METRICS, TRAININGS):
        assert all(f'"{name}"' in text for name in table)
    assert json_schema()["$schema"] == DIALECT
