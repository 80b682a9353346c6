"""The settings of every training stage, with their defaults, as a protocol may write them.

`None` means "what suits the model": `resolved` writes the value out before anything is
hashed, so a key never depends on a default that moved. Phantom values are those of the
embedded study (measured on two cores), the others those of the published recipes scaled to
the small batches of one workstation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import BaseModel, ConfigDict, model_validator

from study.protocol.presets import FINETUNE, MAE, FinetunePreset, MaePreset, Values
from study.protocol.randaug import RandAugment

Rate = Annotated[float, Gt(0), Le(1)]
Share = Annotated[float, Gt(0), Lt(1)]
Count = Annotated[int, Ge(1)]
Crop = tuple[Annotated[float, Gt(0), Le(1)], Annotated[float, Gt(0), Le(1)]]
Alpha = Annotated[float, Ge(0), Le(100)]
Pool = Literal["own", "mean", "token"]


class StageSettings(BaseModel):
    """What every stage has; subclasses add their own."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    small: ClassVar[dict[str, dict[str, Any]]] = {}
    large: ClassVar[dict[str, dict[str, Any]]] = {}
    paths: ClassVar[tuple[str, ...]] = ()
    """Settings that say where files are; never part of a key (their content is)."""

    spent: ClassVar[tuple[str, ...]] = ()
    """Settings that only say how others are resolved; never part of a key."""

    data: str | None = None

    def written(self) -> dict[str, Any]:
        """These settings as plain data that is read as the same ones, defaults written out."""
        return self.model_dump(mode="json")

    def resolved(self, *, model: str, family: str, target: str) -> StageSettings:
        """These settings with every `None` replaced by what suits the model."""
        table = self.small if model.endswith("_phantom") else self.large
        chosen = {"data": target, **table.get("all", {}), **table.get(family, {})}
        return self.model_copy(update={k: v for k, v in chosen.items() if getattr(self, k) is None})


class TrainingSettings(StageSettings):
    """What every stage has that trains."""

    spent: ClassVar[tuple[str, ...]] = ("blr", "preset")
    presets: ClassVar[Mapping[str, Mapping[str, Values]]] = {}
    """Published recipes: name -> `all` or a family -> settings that were not given."""

    epochs: Count | None = None
    batch_size: Count | None = None
    """Films per step of the optimiser."""
    lr: Annotated[float, Gt(0)] | None = None
    blr: Annotated[float, Gt(0)] | None = None
    """Base rate, instead of `lr`: lr = blr * batch_size / 256."""
    min_lr: Annotated[float, Ge(0)] = 0.0
    """Where the cosine ends."""
    weight_decay: Annotated[float, Ge(0)] = 0.05
    warmup: Annotated[float, Ge(0), Lt(1)] = 0.1
    """Share of the epochs with rising rate."""
    clip_grad: Annotated[float, Ge(0)] = 0.0
    """Largest norm of a step's gradient, to which longer ones are shortened; 0: any."""

    @model_validator(mode="after")
    def _one_rate(self) -> TrainingSettings:
        if self.lr is not None and self.blr is not None:
            raise ValueError("give either lr (the rate itself) or blr (lr = blr * batch_size / 256), not both")
        return self

    def written(self) -> dict[str, Any]:
        """As for every stage, but without the defaults that a preset replaces."""
        preset = self.presets.get(getattr(self, "preset", None) or "", {})
        replaced = {name for values in preset.values() for name in values} - self.model_fields_set
        return {name: value for name, value in super().written().items() if name not in replaced}

    def resolved(self, *, model: str, family: str, target: str) -> StageSettings:
        """As for every stage; a preset fills in what was not given, and the rate follows from the base rate."""
        preset = self.presets.get(getattr(self, "preset", None) or "", {})
        values = {**preset.get("all", {}), **preset.get(family, {})}
        if self.lr is not None:
            values.pop("blr", None)
        own = self.model_copy(update={k: v for k, v in values.items() if k not in self.model_fields_set})
        chosen: Any = super(TrainingSettings, own).resolved(model=model, family=family, target=target)
        if chosen.blr is not None:
            chosen = chosen.model_copy(update={"lr": chosen.blr * chosen.batch_size / 256, "blr": None})
        resolved: StageSettings = chosen.model_copy(update={"preset": None} if preset else {})
        return resolved


class WeightsSettings(StageSettings):
    """Weights that are there already, instead of weights drawn from the seed."""

    paths: ClassVar[tuple[str, ...]] = ("file",)

    timm: str | dict[str, str] | None = None
    """Pretrained weights of timm by name, such as vit_small_patch16_224.augreg_in1k; or model -> name."""
    file: str | dict[str, str] | None = None
    """A checkpoint (.safetensors, .pth, .pt, .bin); or model -> file. Relative to the folder of the protocol."""
    layout: Literal["auto", "mae", "medical_mae", "timm", "torchvision", "plain"] = "auto"
    """Whose names the file uses; `auto` finds out. Only read with `file`."""
    channels: Literal["sum", "exact"] = "sum"
    """RGB kernels for grey films: summed, as if the film stood in all three channels (`sum`), or that and the
    normalisation of each channel undone (`exact`; ImageNet's for a file, that of the weights with `timm`)."""

    @model_validator(mode="after")
    def _one_source(self) -> WeightsSettings:
        if (self.timm is None) == (self.file is None):
            raise ValueError("give either timm: NAME (downloaded once) or file: PATH (a checkpoint that is there)")
        if self.timm is not None and self.layout != "auto":
            raise ValueError("layout is for files only; with timm leave it out")
        return self

    def resolved(self, *, model: str, family: str, target: str) -> StageSettings:
        """With the weights that are meant for this model; None where the mapping names none for it."""
        chosen = {name: getattr(self, name) for name in ("timm", "file")}
        mine = {name: value.get(model) if isinstance(value, dict) else value for name, value in chosen.items()}
        return self.model_copy(update={"data": self.data or target, **mine})


class MaeSettings(TrainingSettings):
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
    presets: ClassVar[Mapping[str, Mapping[str, Values]]] = MAE

    preset: MaePreset | None = None
    """A published recipe; what is written beside it replaces its value."""
    masking: str = "random"
    mask_ratio: Share | None = None
    sigma: Annotated[float, Gt(0)] = 0.5
    """Width of the centre weight, half-widths of the image (maskings `center` and `edge`)."""
    floor: Annotated[float, Gt(0), Le(1)] = 0.1
    """Lowest weight relative to the highest (maskings `center` and `edge`)."""
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


class RotationSettings(TrainingSettings):
    """Rotation proxy task (Gidaris et al. 2018): which of 0, 90, 180, 270 degrees."""

    small: ClassVar[dict[str, dict[str, Any]]] = {
        "all": {"epochs": 4, "batch_size": 32, "lr": 1e-3},
    }
    large: ClassVar[dict[str, dict[str, Any]]] = {
        "all": {"epochs": 30, "batch_size": 64, "lr": 3e-4},
    }

    crop: Crop = (0.5, 1.0)
    views: Literal["one", "all4"] = "one"


class JigsawSettings(TrainingSettings):
    """Jigsaw proxy task (Noroozi and Favaro 2016): in which order do the tiles of a film lie."""

    small: ClassVar[dict[str, dict[str, Any]]] = {
        "all": {"epochs": 8, "batch_size": 32, "lr": 1e-3, "tiles": 2},
    }
    large: ClassVar[dict[str, dict[str, Any]]] = {
        "all": {"epochs": 30, "batch_size": 64, "lr": 3e-4, "tiles": 3},
    }

    crop: Crop = (0.5, 1.0)
    tiles: Literal[2, 3] | None = None
    """Tiles along each side."""
    permutations: Annotated[int, Ge(2), Le(1000)] | None = None
    """Orders to tell apart, as different from each other as can be; default 100, or all 24 of 2 x 2 tiles."""
    views: Annotated[int, Ge(1), Le(64)] = 8
    """Orders in which the tiles of each film are shown per step; tiles are encoded once for all of them."""
    head_width: Count = 256
    """Hidden units of the head."""

    def resolved(self, *, model: str, family: str, target: str) -> StageSettings:
        """As for every stage; the number of permutations follows from that of the tiles."""
        chosen: Any = super().resolved(model=model, family=family, target=target)
        orders = chosen.permutations or (24 if chosen.tiles == 2 else 100)
        resolved: StageSettings = chosen.model_copy(update={"permutations": orders})
        return resolved


class ExemplarSettings(TrainingSettings):
    """Exemplar proxy task (Dosovitskiy et al. 2014): of which patch is this a distorted view."""

    small: ClassVar[dict[str, dict[str, Any]]] = {
        "all": {"epochs": 30, "batch_size": 16, "lr": 1e-3, "exemplars": 200},
    }
    large: ClassVar[dict[str, dict[str, Any]]] = {
        "all": {"epochs": 100, "batch_size": 16, "lr": 3e-4, "exemplars": 500},
    }

    exemplars: Annotated[int, Ge(2), Le(8000)] | None = None
    """Films that give one patch, and with it one class, each; at most as many as there are."""
    views: Annotated[int, Ge(1), Le(64)] = 4
    """Distorted views of each exemplar per step."""
    patch: Annotated[float, Gt(0), Le(1)] = 0.5
    """Side of a patch, in sides of the film."""
    translation: Annotated[float, Ge(0), Lt(1)] = 0.2
    """Largest shift, in sides of the patch."""
    scale: tuple[Annotated[float, Gt(0)], Annotated[float, Gt(0)]] = (0.7, 1.4)
    """Smallest and largest enlargement."""
    rotation: Annotated[float, Ge(0), Le(180)] = 20.0
    """Largest turn, degrees."""
    contrast: Annotated[float, Ge(0), Lt(1)] = 0.3
    """Largest relative change of contrast, and shift of brightness in standard deviations."""

    @model_validator(mode="after")
    def _ordered(self) -> ExemplarSettings:
        if self.scale[0] > self.scale[1]:
            raise ValueError(f"found the scale {list(self.scale)}; the first must not exceed the second")
        return self


class FinetuneSettings(TrainingSettings):
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

    presets: ClassVar[Mapping[str, Mapping[str, Values]]] = FINETUNE

    preset: FinetunePreset | None = None
    """A published recipe; what is written beside it replaces its value."""
    layer_decay: Annotated[float, Gt(0), Le(1)] | None = None
    accumulate: Count = 1
    """Parts in which a batch goes through the network, to save memory; the step is that of the whole batch (but
    BatchNorm sees the part only)."""
    ema: Annotated[float, Ge(0), Lt(1)] = 0.0
    """Judge and keep a moving average of the weights with this decay (lower in the first steps); 0: the weights."""
    pool: Pool = "own"
    """What the head reads of a ViT: the mean of the patches, the class token, or what the model is built with."""
    crop: Crop = (0.7, 1.0)
    crop_focus: Annotated[float, Ge(0)] = 0.0
    """Crops near the centre: their shift is normal with this deviation (1 = to the border) and cut at 1; 0: crops
    everywhere alike."""
    flip: bool = False
    randaug: RandAugment | Literal["none"] = "none"
    """Random operations of a list on every film."""
    jitter: Annotated[float, Ge(0), Lt(1)] = 0.1
    cutout: Annotated[float, Ge(0), Lt(1)] = 0.0
    """Largest share of a training film that is hidden under squares of mean grey."""
    erase: Annotated[float, Ge(0), Le(1)] = 0.0
    """Probability that a rectangle of a film is filled with noise (random erasing)."""
    mixup: Alpha = 0.0
    """Two films blended, their labels alike, with a share from Beta(alpha, alpha); 0: never. Where several ways to
    mix are given, every batch takes one of them."""
    cutmix: Alpha = 0.0
    """A box of another film pasted, labels mixed by area; alpha as for mixup."""
    saliencymix: Alpha = 0.0
    """As cutmix, with the box around the most salient place of the other film."""
    mix_share: Annotated[float, Gt(0), Le(1)] = 1.0
    """Share of the batches that are mixed."""
    mix_per: Literal["film", "batch"] = "film"
    """Draw share and box for every film, or once per batch."""
    saliency_ignores: str = ""
    """A part of the films, such as marker, in which saliencymix sees nothing; needs part masks."""
    label_smoothing: Annotated[float, Ge(0), Lt(1)] = 0.0
    class_weights: Literal["none", "balanced"] = "none"
    """Loss of a film times the number of films over that of its class and the number of classes, or as it is. Where
    films have several findings: for each finding the same over its two sides, films with it and films without."""
    drop_path: Annotated[float, Ge(0), Lt(1)] = 0.0
    select: Literal["best_val", "last"] = "best_val"
    """Keep the epoch with the best validation AUC, or the last one. Never looks at test."""


class SupervisedSettings(FinetuneSettings):
    """Supervised pretraining on the labels of another task: fine-tuning whose head is thrown away."""


class LinearProbeSettings(StageSettings):
    """A linear classifier on the features of a frozen trunk."""

    pool: Pool = "own"
    """What is read of a ViT: the mean of the patches, the class token, or what the model is built with."""
    penalties: Annotated[tuple[Annotated[float, Gt(0)], ...], MinLen(1)] = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
    """Strengths of the L2 penalty to choose from, by the loss of the validation films."""
