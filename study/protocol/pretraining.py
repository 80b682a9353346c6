"""What must fit together in the stages before the classifier: masks, tiles, source tasks, given weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from study.protocol.checkpoints import family_of_file
from study.protocol.models import grid, patch_size
from study.protocol.problems import Ledger
from study.protocol.schema import ChainStage
from study.protocol.stages import JigsawSettings, MaeSettings, SupervisedSettings, WeightsSettings
from study.protocol.yamltree import Location
from study.registry import MODELS, lattice_spacing, model_family, tile_side

Parsed = Mapping[str, Any]
Placed = tuple[Location, ChainStage]

_SHAPED = ("center", "edge")
_SMALLEST_TILE = 32
"""Pixels that timm's CNNs shrink to one value."""


def check_pretraining(parsed: Parsed, ledger: Ledger, stages: Sequence[Placed], root: Path) -> None:
    """Note every setting of a stage that cannot go with the models, the data or another setting."""
    models = [name for name in parsed.get("models", ()) if model_family(name)]
    for place, stage in stages:
        settings = stage.settings
        if isinstance(settings, MaeSettings):
            _mask(settings, place, parsed=parsed, models=models, ledger=ledger)
        elif isinstance(settings, JigsawSettings):
            _tiles(settings, place, parsed=parsed, models=models, ledger=ledger)
        elif isinstance(settings, SupervisedSettings):
            _source(settings, place, parsed=parsed, ledger=ledger)
        elif isinstance(settings, WeightsSettings):
            _weights(settings, place, models=models, ledger=ledger, root=root)


def _mask(settings: MaeSettings, place: Location, *, parsed: Parsed, models: Sequence[str], ledger: Ledger) -> None:
    """A lattice has few ratios; the width of the centre shapes two maskings only."""
    for name in ("sigma", "floor"):
        is_changed = getattr(settings, name) != MaeSettings.model_fields[name].default
        if is_changed and settings.masking not in _SHAPED:
            text = f"shapes the maskings {' and '.join(_SHAPED)}; '{settings.masking}' has no such setting"
            ledger.add((*place, name), f"{text}, leave it out")
    if settings.masking != "grid":
        return
    for model in models:
        chosen: Any = settings.resolved(model=model, family=str(model_family(model)), target="")
        spacing, side = lattice_spacing(chosen.mask_ratio), grid(model, parsed.get("image_size"))
        if spacing is None:
            allowed = "1 - 1 / s^2 for a whole s: 0.75, 0.889, 0.9375"
            text = f"masking 'grid' keeps one patch of every s x s; found a ratio of {chosen.mask_ratio:g}"
            ledger.add((*place, "mask_ratio"), f"{text}\nallowed: {allowed}")
        elif side and side % spacing:
            text = f"masking 'grid' with a ratio of {chosen.mask_ratio:g} needs a grid that is a multiple of {spacing}"
            ledger.add((*place, "mask_ratio"), f"{text}; {model} has {side} x {side} patches here")


def _tiles(settings: JigsawSettings, place: Location, *, parsed: Parsed, models: Sequence[str], ledger: Ledger) -> None:
    """There are as many orders as asked for, and a tile is large enough for the network."""
    size = parsed.get("image_size")
    for model in models:
        chosen: Any = settings.resolved(model=model, family=str(model_family(model)), target="")
        if chosen.tiles == 2 and chosen.permutations > 24:
            text = f"found {chosen.permutations}; 2 x 2 tiles have 24 orders"
            ledger.add((*place, "permutations"), f"{text}; give at most 24, or tiles: 3")
        patch = patch_size(model) if model_family(model) == "vit" else None
        side = None if size is None else tile_side(size, chosen.tiles, patch)
        least = patch or (8 if model in MODELS else _SMALLEST_TILE)
        if side is not None and side < least:
            text = f"{chosen.tiles} x {chosen.tiles} tiles of {size} px films are too small for {model}"
            fewer = "tiles: 2, or " if chosen.tiles > 2 else ""
            ledger.add((*place, "tiles"), f"{text}, which needs {least} px each; use {fewer}a larger image_size")


def _source(settings: SupervisedSettings, place: Location, *, parsed: Parsed, ledger: Ledger) -> None:
    """Pretraining on labels is for another task than the target's."""
    target = parsed.get("target")
    if settings.data is None or settings.data == target:
        others = [name for name in parsed.get("data") or () if name != target]
        text = "'supervised' pretrains on the labels of another task; name its dataset with data:"
        ledger.add((*place, "data"), f"{text}\nknown beside the target: {', '.join(others) or 'none'}")


def _weights(settings: WeightsSettings, place: Location, *, models: Sequence[str], ledger: Ledger, root: Path) -> None:
    """Every model has weights, of its own architecture; files are there and hold a network of its family."""
    key = "timm" if settings.timm is not None else "file"
    for model in models:
        chosen: Any = settings.resolved(model=model, family=str(model_family(model)), target="")
        name = getattr(chosen, key)
        if name is None:
            ledger.add((*place, key), f"no weights are named for {model}; write {key}: {{{model}: ...}}")
        elif key == "timm" and name.partition(".")[0] != model:
            ledger.add((*place, key), _other_architecture(name, model))
        elif key == "file" and (family := family_of_file(root / name)) not in (None, model_family(model)):
            ledger.add((*place, key), f"'{name}' holds a {_WORDS[str(family)]}; {model} is a {_family_word(model)}")
    for file in _files(settings):
        if not (root / file).is_file():
            ledger.add((*place, "file"), f"'{file}' is not a file\nrelative paths start at the folder of the protocol")


_WORDS = {"vit": "vision transformer", "cnn": "CNN"}


def _family_word(model: str) -> str:
    return _WORDS[str(model_family(model))]


def _other_architecture(name: str, model: str) -> str:
    hint = f"write a name that begins with '{model}.'"
    if model in MODELS:
        hint = "timm has none for it; use file:, or a model of timm"
    family = model_family(name)
    kind = f" (a {_WORDS[family]})" if family else ""
    return f"'{name}'{kind} holds weights of another model than {model} (a {_family_word(model)}); {hint}"


def _files(settings: WeightsSettings) -> Iterator[str]:
    if isinstance(settings.file, dict):
        yield from settings.file.values()
    elif settings.file is not None:
        yield settings.file
