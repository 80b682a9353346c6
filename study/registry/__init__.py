"""Everything a protocol can name, as tables one can read.

A line holds where the object lives and the facts that other stations need to know of it
(direction, bounds, needs, families, version). The facts stand here and nowhere else, so
that checking a protocol, planning it, analysing scores and writing the report never import
torch; the object itself is imported on first use by `load`.

To add something: one file with the function, one line here. `tests/laws/` picks it up.
Raise `version` when the numbers change: it is part of every key.
"""

from study.registry.attributions import ATTRIBUTIONS
from study.registry.entries import BOTH, Attribution, Entry, Format, Metric, Need, Registry, Training, unknown
from study.registry.metrics import METRICS, RUN_METRICS, class_auc_facts, concept_facts
from study.registry.models import MODELS, architecture, model_family
from study.registry.stages import FORMATS, MASKINGS, STEP_VERSIONS, TRAININGS, lattice_spacing, tile_side

__all__ = [
    "ATTRIBUTIONS",
    "BOTH",
    "FORMATS",
    "MASKINGS",
    "METRICS",
    "MODELS",
    "RUN_METRICS",
    "STEP_VERSIONS",
    "TRAININGS",
    "Attribution",
    "Entry",
    "Format",
    "Metric",
    "Need",
    "Registry",
    "Training",
    "architecture",
    "class_auc_facts",
    "concept_facts",
    "lattice_spacing",
    "model_family",
    "tile_side",
    "unknown",
]
