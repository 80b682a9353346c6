"""The protocol's file format as JSON Schema, so that editors complete and check while one types.

It says the same as `read` about names, types and ranges; what must fit together across the
file (arms, data, families) only `study validate` knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from study.protocol import data as formats
from study.protocol import stages
from study.protocol.schema import Fields
from study.registry import ATTRIBUTIONS, FORMATS, MASKINGS, METRICS, MODELS, TRAININGS, Attribution, Metric, Registry

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_NAMES = {"pattern": "^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"}
_TEXTS: Mapping[str, str] = {
    "study": "Name of the study: its folders and its report are called so.",
    "title": "Title of the report; default: the study's name.",
    "question": "What the study asks, in one sentence; it stands on page 1 of the report.",
    "data": "Datasets by name: phantoms, or a manifest of films.",
    "target": "The dataset whose labels are learnt and whose test films are explained.",
    "image_size": "Side of the square images in pixels.",
    "models": "Architectures: our small ones, or any ViT, DeiT, DenseNet, ResNet or VGG name of timm.",
    "arms": "What is compared. Each arm is a chain of training stages that ends in a classifier.",
    "reference": "The arm that the others are compared with.",
    "seeds": "How often everything is repeated: a count, or a list of seeds.",
    "seeding": "Whether equal seeds of two arms belong together (paired) or not (nested).",
    "share_pretraining": "Pretrain once, with the first seed, for all seeds: cheaper, and says less.",
    "target_class": "The class that maps explain: the film's label (of several findings the one that its boxes show, "
    "else its first), or what the model predicts.",
    "explain": "Attribution methods; the ones called control_... are yardsticks.",
    "measure": "Metrics of the maps.",
    "concepts": "Network dissection: how many parts of the films single units answer to; needs part masks.",
    "analysis": "What is tested; fixed before results are seen, later changes are reported.",
    "report": "How the report looks.",
    "dispatch": "Where the work is done; cannot change a number.",
}


def json_schema() -> Schema:
    """JSON Schema (draft 2020-12) of a whole protocol file, as plain data in a fixed order."""
    fields = Fields.model_json_schema()
    definitions: Schema = fields.pop("$defs", {})
    properties: Schema = fields["properties"]
    properties["models"]["items"] = {"anyOf": [{"enum": list(MODELS)}, {"type": "string", "minLength": 1}]}
    properties["seeds"] = {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 1000}, properties["seeds"]]}
    properties["data"] = _mapping_of(_datasets(definitions))
    properties["arms"] = _mapping_of({"type": "array", "minItems": 1, "items": _stages(definitions)})
    properties["explain"] = _choice(ATTRIBUTIONS, "attribution")
    properties["measure"] = _choice(METRICS, "metric")
    required = set(fields["required"]) | {"data", "arms", "explain", "measure"}
    return {
        "$schema": DIALECT,
        "title": "Study protocol",
        "type": "object",
        "additionalProperties": False,
        "required": [name for name in _TEXTS if name in required],
        "properties": {name: {"description": text} | properties[name] for name, text in _TEXTS.items()},
        "$defs": dict(sorted(definitions.items())),
    }


def _mapping_of(values: Schema) -> Schema:
    return {"type": "object", "minProperties": 1, "propertyNames": _NAMES, "additionalProperties": values}


def _define(model: type[BaseModel], definitions: Schema) -> Schema:
    """Put a settings model among the definitions; returns the reference to it."""
    schema = model.model_json_schema()
    definitions |= schema.pop("$defs", {})
    if "masking" in schema["properties"]:
        schema["properties"]["masking"]["enum"] = list(MASKINGS)
    if "format" in schema["properties"]:
        schema["required"] = ["format", *schema.get("required", [])]
    definitions[model.__name__] = schema
    return {"$ref": f"#/$defs/{model.__name__}"}


def _datasets(definitions: Schema) -> Schema:
    return {"oneOf": [_define(getattr(formats, entry.settings), definitions) for entry in FORMATS.values()]}


def _stages(definitions: Schema) -> Schema:
    """A stage is its name, or its name with settings."""
    settings = {name: _define(getattr(stages, entry.settings), definitions) for name, entry in TRAININGS.items()}
    return _name_or_settings(settings, {name: entry.title for name, entry in TRAININGS.items()})


def _choice(table: Registry[Any], noun: str) -> Schema:
    """A list of registered names, each bare or with its parameters."""
    settings = {name: _parameters(entry) for name, entry in table.items()}
    titles = {name: line.title for name, line in table.items()} | {"all": f"every {noun} that fits"}
    entry = _name_or_settings(settings, titles)
    return {"type": "array", "minItems": 1, "title": f"list of {noun}s", "items": entry}


def _name_or_settings(settings: Mapping[str, Schema], titles: Mapping[str, str]) -> Schema:
    named = [
        {
            "type": "object",
            "title": titles[name],
            "required": [name],
            "additionalProperties": False,
            "properties": {name: {"anyOf": [schema, {"type": "null"}]}},
        }
        for name, schema in settings.items()
    ]
    bare = [{"const": name, "title": titles[name]} for name in titles]
    return {"anyOf": [*bare, *named]}


def _parameters(entry: Attribution | Metric) -> Schema:
    properties = {name: _parameter(value, entry.choices.get(name)) for name, value in entry.parameters.items()}
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _parameter(default: Any, choices: tuple[Any, ...] | None) -> Schema:
    if choices is not None:
        return {"enum": list(choices), "default": default}
    if isinstance(default, bool):
        return {"type": "boolean", "default": default}
    if isinstance(default, int):
        return {"type": "integer", "minimum": 1, "default": default}
    if isinstance(default, float):
        return {"type": "number", "exclusiveMinimum": 0, "default": default}
    return {"type": ["integer", "string"]}
