"""What must fit together in the stages that make the classifier: rates, heads, presets, ways to mix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from study.protocol.data import PhantomSettings
from study.protocol.problems import Ledger
from study.protocol.schema import ChainStage
from study.protocol.stages import FinetuneSettings, LinearProbeSettings, TrainingSettings
from study.protocol.yamltree import Location
from study.registry import model_family

Parsed = Mapping[str, Any]
Placed = tuple[Location, ChainStage]

_MIXES = ("mixup", "cutmix", "saliencymix")


def check_finetuning(parsed: Parsed, ledger: Ledger, stages: Sequence[Placed]) -> None:
    """Note every setting that cannot go with the models, the films or another setting."""
    models = [name for name in parsed.get("models", ()) if model_family(name)]
    for place, stage in stages:
        settings = stage.settings
        if isinstance(settings, TrainingSettings):
            _preset(settings, place, models=models, ledger=ledger)
            _rates(settings, place, models=models, ledger=ledger)
        if isinstance(settings, FinetuneSettings):
            _mixing(settings, place, ledger=ledger)
            _ignored(settings, place, parsed=parsed, ledger=ledger)
        if isinstance(settings, FinetuneSettings | LinearProbeSettings) and settings.pool == "token":
            for model in (name for name in models if model_family(name) == "cnn"):
                ledger.add((*place, "pool"), f"{model} is a CNN, which has no class token; leave pool out")


def _preset(settings: TrainingSettings, place: Location, *, models: Sequence[str], ledger: Ledger) -> None:
    name = getattr(settings, "preset", None)
    for model in models:
        family = str(model_family(model))
        if name is not None and family not in settings.presets[name]:
            known = [other for other, values in settings.presets.items() if family in values]
            text = f"'{name}' is a recipe for vision transformers; {model} is a CNN"
            ledger.add((*place, "preset"), f"{text}\nknown for it: {', '.join(known)}")


def _rates(settings: TrainingSettings, place: Location, *, models: Sequence[str], ledger: Ledger) -> None:
    """The cosine falls; checked for every model, since the rate may come from the base rate."""
    for model in models:
        chosen: Any = settings.resolved(model=model, family=str(model_family(model)), target="")
        if chosen.min_lr > chosen.lr:
            text = f"found {chosen.min_lr:g}, above the rate of {model} (lr {chosen.lr:g})"
            ledger.add((*place, "min_lr"), f"{text}; the rate falls to min_lr, so give a lower one")


def _mixing(settings: FinetuneSettings, place: Location, *, ledger: Ledger) -> None:
    """How to mix is said only where something is mixed."""
    chosen: Any = settings.resolved(model="", family="vit", target="")
    if any(getattr(chosen, name) for name in _MIXES):
        return
    for name in ("mix_share", "mix_per"):
        if getattr(settings, name) != FinetuneSettings.model_fields[name].default:
            ledger.add((*place, name), f"nothing is mixed here; give {', '.join(_MIXES[:-1])} or {_MIXES[-1]} as well")


def _ignored(settings: FinetuneSettings, place: Location, *, parsed: Parsed, ledger: Ledger) -> None:
    """Saliency can leave out a part only where parts are known."""
    if not settings.saliency_ignores:
        return
    here = (*place, "saliency_ignores")
    if not settings.saliencymix:
        ledger.add(here, "only saliencymix looks at saliency; give saliencymix: 1.0 as well, or leave this out")
    films = (parsed.get("data") or {}).get(settings.data or parsed.get("target", ""))
    if films is not None and not isinstance(films, PhantomSettings) and not getattr(films, "has_parts", False):
        ledger.add(here, "needs part masks, which this dataset does not have; leave it out")
