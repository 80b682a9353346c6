"""One film under a mask of every kind that the study pretrains with, as the stages left them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from study.conclude.gallery import eight_bit
from study.conclude.gather import read_facts
from study.records import Dataset, MaskExample, Plan
from study.records.data import Split
from study.store import Store

PRETRAINED_ON: tuple[Split, ...] = ("unlabelled", "train")
"""Splits whose films a masked autoencoder sees; the example is the first film of the first split that has any."""


def mask_examples(plan: Plan, store: Store, datasets: Mapping[str, Dataset]) -> tuple[MaskExample, ...]:
    """One example per data, masking and ratio, in the order of the arms.

    Stages that were made before masks were kept as examples have none.

    Args:
        datasets: key of the data stage -> its films.
    """
    found: dict[tuple[str, str, float], MaskExample] = {}
    for key in dict.fromkeys(key for run in plan.runs for key in run.training):
        stage = plan.stages[key]
        settings, data = stage.recipe["settings"], stage.parents.get("data", "")
        if "masking" not in settings or data not in datasets or not store.has(key):
            continue
        facts = read_facts(store, key)
        kind = (str(plan.stages[data].places["name"]), str(settings["masking"]), float(settings["mask_ratio"]))
        if kind not in found and "mask_example" in facts:
            hidden = np.array([[patch == "1" for patch in row] for row in facts["mask_example"]])
            shares = facts["masked_central"], facts["masked_remainder"]
            found[kind] = MaskExample(*kind, _film(datasets[data]), hidden, *shares)
    names = list(dict.fromkeys(each.data for each in found.values()))
    return tuple(sorted(found.values(), key=lambda each: names.index(each.data)))


def _film(dataset: Dataset) -> np.ndarray:
    rows = next(rows for split in PRETRAINED_ON if len(rows := dataset.rows(split)))
    return eight_bit(dataset.images[rows[0]])
