"""Reads a set of golden numbers and rebuilds the networks that made them.

A set is a folder with `inputs.npz`, `cnn_weights.npz` and `vit_weights.npz`. Numbers of images, sizes,
channels, classes and steps are taken from the arrays, so that any set of this layout can be tested:
those in the reference folder and those named in GOLDEN_SETS (paths, separated as in PATH).
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from study.explain import attribute, to_input_size
from study.records import Classifier, ExplainedBatch

Arrays = dict[str, NDArray[Any]]


def golden_folders() -> list[Path]:
    beside = Path(__file__).resolve().parents[3] / "shared" / "reference"
    named = [Path(folder) for folder in os.environ.get("GOLDEN_SETS", "").split(os.pathsep) if folder]
    return [path.parent for path in sorted(beside.glob("*/inputs.npz"))] + named


class GoldenCnn(nn.Module):
    """conv-bn-relu-pool twice ("stage2"), then one residual block ("block"), mean, linear."""

    def __init__(self, weights: Arrays) -> None:
        super().__init__()
        for name in ("conv1", "conv2", "conv3", "conv4"):
            out_chans, in_chans, kernel, _ = weights[f"{name}.weight"].shape
            setattr(self, name, nn.Conv2d(in_chans, out_chans, kernel, padding=kernel // 2, bias=False))
            setattr(self, name.replace("conv", "bn"), nn.BatchNorm2d(out_chans))
        self.stage2, self.block = nn.Identity(), nn.Identity()
        self.fc = nn.Linear(*reversed(weights["fc.weight"].shape))

    def forward(self, x: Tensor) -> Tensor:
        pool = nn.functional.max_pool2d
        x = pool(self.bn1(self.conv1(x)).relu_(), 2)
        skip = self.stage2(pool(self.bn2(self.conv2(x)).relu_(), 2))
        y = self.bn4(self.conv4(self.bn3(self.conv3(skip)).relu_()))
        features: Tensor = self.block((y + skip).relu_())
        logits: Tensor = self.fc(features.mean(dim=(2, 3)))
        return logits


@dataclass(frozen=True)
class GoldenSet:
    """One folder of golden numbers."""

    folder: Path

    def arrays(self, name: str) -> Arrays:
        with np.load(self.folder / f"{name}.npz") as stored:
            return dict(stored)

    @cached_property
    def inputs(self) -> Arrays:
        return self.arrays("inputs")

    @cached_property
    def images(self) -> Tensor:
        return torch.from_numpy(self.inputs["images"])

    @cached_property
    def labels(self) -> Tensor:
        return torch.from_numpy(self.inputs["labels"])

    @cached_property
    def heatmaps(self) -> Tensor:
        return torch.from_numpy(self.inputs["heatmaps"])

    @cached_property
    def boxes(self) -> tuple[Tensor, ...]:
        return tuple(torch.from_numpy(self.inputs["boxes"])[:, None])

    @cached_property
    def classifiers(self) -> dict[str, Classifier]:
        return {"cnn": self._classifier("cnn", self._cnn()), "vit": self._classifier("vit", self._vit())}

    def batch(self, model: str, maps: Tensor, *, method: str = "gradcam") -> ExplainedBatch:
        """The first images with these maps, scored by this model, explained by `gradcam` unless told."""
        count = len(maps)
        classifier = self.classifiers[model]
        settings = {"layer": "block"} if (model, method) == ("cnn", "gradcam") else {}

        def explain(images: Tensor, targets: Tensor) -> Tensor:
            raw = attribute(method, classifier, images, targets, settings=settings)
            return to_input_size(method, raw, (images.shape[-2], images.shape[-1]))

        return ExplainedBatch(
            images=self.images[:count],
            targets=self.labels[:count],
            attributions=maps,
            boxes=self.boxes[:count],
            predict=predictor(classifier.module),
            explain=explain,
        )

    def _classifier(self, name: str, module: nn.Module) -> Classifier:
        state = {key: torch.from_numpy(value) for key, value in self.arrays(f"{name}_weights").items()}
        missing = module.load_state_dict(state, strict=False)
        assert not missing.unexpected_keys
        assert all(key.endswith("num_batches_tracked") for key in missing.missing_keys)
        module.eval().requires_grad_(False)
        classes = tuple(str(k) for k in range(self.inputs[f"{name}_logits"].shape[1]))
        in_chans, _, side = self.images.shape[1:]
        family = "vit" if name == "vit" else "cnn"
        return Classifier(module, f"golden_{name}", family, classes, in_chans, side, 0.0, 1.0)

    def _cnn(self) -> nn.Module:
        return GoldenCnn(self.arrays("cnn_weights"))

    def _vit(self) -> nn.Module:
        """The weights do not tell the number of heads; the stored logits do."""
        weights = self.arrays("vit_weights")
        width, in_chans, *patch_size = weights["patch_embed.proj.weight"].shape
        depth = 1 + max(int(key.split(".")[1]) for key in weights if key.startswith("blocks."))
        for heads in (4, *(h for h in range(1, width + 1) if width % h == 0)):
            module = VisionTransformer(
                img_size=tuple(self.images.shape[-2:]),
                patch_size=tuple(patch_size),
                in_chans=in_chans,
                num_classes=len(weights["head.bias"]),
                embed_dim=width,
                depth=depth,
                num_heads=heads,
                mlp_ratio=len(weights["blocks.0.mlp.fc1.bias"]) / width,
            )
            logits = self._classifier("vit", module).module(self.images)
            if torch.allclose(logits, torch.from_numpy(self.inputs["vit_logits"]), atol=1e-4):
                return module
        raise AssertionError(f"{self.folder}: no number of heads reproduces the stored logits")


def predictor(module: nn.Module) -> Callable[[Tensor], Tensor]:
    def predict(images: Tensor) -> Tensor:
        with torch.inference_mode():
            return module(images).softmax(dim=1).double()

    return predict
