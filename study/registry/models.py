"""Model names -> family and architecture, from the name alone: a login node need not build a network."""

from __future__ import annotations

import re
from collections.abc import Mapping

from study.records import Family

MODELS: Mapping[str, Family] = {"vit_phantom": "vit", "densenet_phantom": "cnn"}
"""Small models of our own; every other name is looked up in timm."""

_FAMILIES: Mapping[str, Family] = {
    "vit_": "vit",
    "deit": "vit",
    "densenet": "cnn",
    "resnet": "cnn",
    "resnext": "cnn",
    "vgg": "cnn",
    "efficientnet": "cnn",
    "convnext": "cnn",
}
"""Architecture, which is how its names begin -> family."""

_NAMESAKES = re.compile(r"resnetv2|resnetrs|resne(?:t|xt)\d+(ts|q|_gn|\w*_clip)")
"""Networks of timm that are called after a ResNet and are another: pre-activation, gates, SiLU, group norm, attention."""


def architecture(name: str) -> str | None:
    """`resnet` of `resnet18.a1_in1k`, `vit` of `vit_phantom`, but `resnetv2` of `resnetv2_50`, which is no ResNet.

    None for a name that nobody here knows.
    """
    if namesake := _NAMESAKES.match(name):
        return namesake[0]
    return next((known.rstrip("_") for known in _FAMILIES if name.startswith(known)), None)


def model_family(name: str) -> Family | None:
    """The family of a model name, or None for a name that neither we nor timm's families know."""
    return next((family for known, family in _FAMILIES.items() if name.startswith(known)), None)
