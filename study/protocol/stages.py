"""The settings of every training stage, with their defaults, as a protocol may write them.

`None` means "what suits the model": `resolved` writes the value out before anything is
hashed, so a key never depends on a default that moved. Phantom values are those of the
embedded study (measured on two cores), the others those of the published recipes scaled to
the small batches of one workstation.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, ConfigDict

Rate = Annotated[float, Gt(0), Le(1)]
Share = Annotated[float, Gt(0), Lt(1)]
Count = Annotated[int, Ge(1)]
Crop = tuple[Annotated[float, Gt(0), Le(1)], Annotated[float, Gt(0), Le(1)]]


class StageSettings(BaseModel):
    """What every stage has; subclasses add their own."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    small: ClassVar[dict[str, dict[str, Any]]] = {}
    large: ClassVar[dict[str, dict[str, Any]]] = {}

    data: str | None = None
    epochs: Count | None = None
    batch_size: Count | None = None
    lr: Annotated[float, Gt(0)] | None = None
    weight_decay: Annotated[float, Ge(0)] = 0.05
    warmup: Annotated[float, Ge(0), Lt(1)] = 0.1
    """Share of the epochs with rising rate."""

    def resolved(self, *, model: str, family: str, target: str) -> StageSettings:
        """These settings with every `None` replaced by what suits the model."""
        table = self.small if model.endswith("_phantom") else self.large
        chosen = {"data": target, **table.get("all", {}), **table.get(family, {})}
        return self.model_copy(update={k: v for k, v in chosen.items() if getattr(self, k) is None})


class MaeSettings(StageSettings):
    """Masked-autoencoder pretraining (He et al. 2022; for CNNs as in Xiao et al. 2023)."""

    small: ClassVar[dict[str, dict[str, Any]]] = {
        "all": {"epochs": 40, "batch_size": 64, "decoder_width": 64, "decoder_depth": 1},
        "vit": {"lr": 2e-3, "mask_ratio": 0.75, "target": "pixel"},
        "cnn": {"lr": 2e-3, "mask_ratio": 0.6, "target": "pixel", "epochs": 15},
    }
    large: ClassVar[dict[str, dict[str, Any]]] = {
        "all": {"epochs": 100, "batch_size": 64, "decoder_width": 512, "decoder_depth": 2},
        "vit": {"lr": 5e-4, "mask_ratio": 0.75, "target": "norm_pixel"},
        "cnn": {"lr": 5e-4, "mask_ratio": 0.75, "target": "pixel"},
    }

    masking: str = "random"
    mask_ratio: Share | None = None
    sigma: Annotated[float, Gt(0)] = 0.5
    """Width of the centre weight, half-widths of the image (masking `center`)."""
    floor: Annotated[float, Gt(0), Le(1)] = 0.1
    """Weight of the corners relative to the centre (masking `center`)."""
    target: Literal["pixel", "norm_pixel"] | None = None
    crop: Crop = (0.5, 1.0)
    flip: bool = True
    decoder_width: Count | None = None
    decoder_depth: Count | None = None
    carry_decoder: bool = False
    """Keep the decoder of a preceding MAE stage."""
    loss: Literal["masked", "all"] = "masked"
    bn_recalibrate: bool = True
    """CNN: re-estimate BatchNorm statistics on unmasked films at the end."""


class RotationSettings(StageSettings):
    """Rotation proxy task (Gidaris et al. 2018): which of 0, 90, 180, 270 degrees."""

    small: ClassVar[dict[str, dict[str, Any]]] = {
        "all": {"epochs": 4, "batch_size": 32, "lr": 1e-3},
    }
    large: ClassVar[dict[str, dict[str, Any]]] = {
        "all": {"epochs": 30, "batch_size": 64, "lr": 3e-4},
    }

    crop: Crop = (0.5, 1.0)
    views: Literal["one", "all4"] = "one"


class FinetuneSettings(StageSettings):
    """Supervised training of the whole classifier on the labelled films."""

    small: ClassVar[dict[str, dict[str, Any]]] = {
        "all": {"epochs": 40, "batch_size": 16},
        "vit": {"lr": 2e-3, "layer_decay": 0.65},
        "cnn": {"lr": 3e-3, "layer_decay": 1.0},
    }
    large: ClassVar[dict[str, dict[str, Any]]] = {
        "all": {"epochs": 50, "batch_size": 32},
        "vit": {"lr": 5e-4, "layer_decay": 0.65},
        "cnn": {"lr": 3e-4, "layer_decay": 1.0},
    }

    layer_decay: Annotated[float, Gt(0), Le(1)] | None = None
    crop: Crop = (0.7, 1.0)
    flip: bool = False
    jitter: Annotated[float, Ge(0), Lt(1)] = 0.1
    cutout: Annotated[float, Ge(0), Lt(1)] = 0.0
    """Largest share of a training film that is hidden under squares of mean grey."""
    label_smoothing: Annotated[float, Ge(0), Lt(1)] = 0.0
    drop_path: Annotated[float, Ge(0), Lt(1)] = 0.0
    select: Literal["best_val", "last"] = "best_val"
    """Keep the epoch with the best validation AUC, or the last one. Never looks at test."""
