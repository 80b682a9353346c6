"""Names for people: of arms, attributions, metrics, and of the contrasts made from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from study.records import MetricFacts
from study.registry import ATTRIBUTIONS, METRICS

ACRONYMS = ("mae", "cam", "vit", "cnn", "lrp", "iba", "ehr", "roi")
PROPER = {
    "imagenet": "ImageNet",
    "cutmix": "CutMix",
    "saliencymix": "SaliencyMix",
    "densenet": "DenseNet",
    "resnet": "ResNet",
}
NORMALISED = ("faithfulness_gap", "degradation")
"""Made from curves, but divided by what the model loses on the film: comparable between models."""


def base(label: str) -> str:
    """`insertion` of `insertion[baseline=blur]`."""
    return label.partition("[")[0]


def suffix(label: str) -> str:
    """` (baseline=blur)` of `insertion[baseline=blur]`; empty without parameters."""
    inside = label.partition("[")[2].rstrip("]")
    return f" ({inside})" if inside else ""


def parameters(label: str) -> dict[str, str]:
    """`{"layer": "2"}` of `gradcam[layer=2]`; empty without parameters."""
    inside = label.partition("[")[2].removesuffix("]")
    return dict(part.partition("=")[::2] for part in inside.split(",") if "=" in part)


def without(label: str, parameter: str) -> str:
    """The label with one parameter less: `gradcam` of `gradcam[layer=2]`."""
    left = [f"{key}={value}" for key, value in parameters(label).items() if key != parameter]
    return base(label) + (f"[{','.join(left)}]" if left else "")


def is_raw_curve(metric: str) -> bool:
    """Whether it is the area under a model's own curve, which every model draws on a scale of its own."""
    name = base(metric)
    return name in METRICS and "curves" in METRICS[name].needs and name not in NORMALISED


def is_cross(metric: str) -> bool:
    """Whether maps are scored on the models of other arms."""
    name = base(metric)
    return name in METRICS and "cross" in METRICS[name].needs


def arm_names(arms: Sequence[str], given: Mapping[str, str] | None = None) -> dict[str, str]:
    """Arm -> name for people: `mae_random` is `MAE random`; as written where two would look alike."""
    names = {arm: (given or {}).get(arm) or _spoken(arm) for arm in arms}
    spoken = list(names.values())
    return {arm: name if spoken.count(name) == 1 else arm for arm, name in names.items()}


def metric_title(facts: MetricFacts) -> str:
    """The metric's title, with the parameters that differ from the registry's."""
    return facts.title + suffix(facts.name)


def attribution_title(label: str) -> str:
    """The attribution's title; the label itself for one that the registry does not know."""
    name = base(label)
    return (ATTRIBUTIONS[name].title if name in ATTRIBUTIONS else name) + suffix(label)


def is_control(label: str) -> bool:
    """Whether the registry calls this attribution a control."""
    name = base(label)
    return name in ATTRIBUTIONS and ATTRIBUTIONS[name].control


def group(label: str) -> str:
    """`agreement`, `faithfulness`, `masking` or `sanity`: the table a metric belongs to; `other` for one made elsewhere."""
    name = base(label)
    return METRICS[name].group if name in METRICS else "other"


def arrow(higher_is_better: bool | None) -> str:
    """` ↑`, ` ↓`, or nothing where neither direction is better."""
    return {True: " ↑", False: " ↓", None: ""}[higher_is_better]


def _spoken(arm: str) -> str:
    words = [word.upper() if word in ACRONYMS else PROPER.get(word, word) for word in arm.split("_") if word]
    text = " ".join(words) or arm
    return text[:1].upper() + text[1:]
