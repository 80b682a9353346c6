"""Small networks and batches on which the laws are tried."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from timm.models.densenet import DenseNet
from timm.models.resnet import BasicBlock, ResNet
from timm.models.vgg import VGG
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from study.records import Classifier, ExplainedBatch

SIZES = {"square": (32, 32), "non-square": (64, 32)}


def network(kind: str, *, in_chans: int = 1, size: tuple[int, int] = (32, 32)) -> Classifier:
    """A randomly initialised network of a few thousand weights."""
    torch.manual_seed(7)
    common: dict[str, Any] = {"in_chans": in_chans, "num_classes": 3}
    modules: dict[str, Callable[[], nn.Module]] = {
        "vit": lambda: VisionTransformer(img_size=size, patch_size=8, embed_dim=24, depth=2, num_heads=2, **common),
        "vit_pooled": lambda: VisionTransformer(
            img_size=size, patch_size=8, embed_dim=24, depth=2, num_heads=2, global_pool="avg", **common
        ),
        "resnet": lambda: ResNet(BasicBlock, (1, 1, 1, 1), channels=(8, 8, 16, 16), stem_width=8, **common),
        "densenet": lambda: DenseNet(growth_rate=4, block_config=(2, 2, 2), **common),
        "vgg": lambda: VGG([8, "M", 16, "M"], mlp_ratio=0.01, **common),
    }
    module = modules[kind]().eval().requires_grad_(False)
    family = "vit" if kind.startswith("vit") else "cnn"
    return Classifier(module, f"tiny_{kind}", family, ("a", "b", "c"), in_chans, size[0], 0.5, 0.25)


def films(count: int, *, in_chans: int = 1, size: tuple[int, int] = (32, 32)) -> Tensor:
    return torch.randn(count, in_chans, *size, generator=torch.Generator().manual_seed(3))


class Evidence:
    """A classifier one can calculate with: the class is what is bright inside a region and dark around it."""

    def __init__(self, size: tuple[int, int], box: tuple[int, int, int, int]) -> None:
        x0, y0, x1, y1 = box
        self.box = box
        self.inside = torch.zeros(size)
        self.inside[y0:y1, x0:x1] = 1.0
        self.weights = self.inside / self.inside.sum() - (1 - self.inside) / (1 - self.inside).sum()

    def predict(self, images: Tensor) -> Tensor:
        p = torch.sigmoid(4 * (images.mean(dim=1) * self.weights).sum(dim=(1, 2)).double())
        return torch.stack((p, 1 - p), dim=1)

    def explain(self, images: Tensor, targets: Tensor) -> Tensor:
        """What speaks for class 0 speaks against class 1."""
        return images.mean(dim=1) * self.weights * (1 - 2 * targets)[:, None, None]

    def batch(self, maps: Tensor, *, in_chans: int = 1) -> ExplainedBatch:
        """Films of unequal brightness, one per map, with the region as their box."""
        size = (maps.shape[-2], maps.shape[-1])
        noise = torch.rand(len(maps), in_chans, *size, generator=torch.Generator().manual_seed(5))
        images = 0.5 + noise + self.inside
        return ExplainedBatch(
            images=images,
            targets=torch.zeros(len(maps), dtype=torch.int64),
            attributions=maps,
            boxes=(torch.tensor([self.box]),) * len(maps),
            predict=self.predict,
            explain=self.explain,
            seeds=tuple(range(101, 101 + len(maps))),
            evaluators={"own": self.predict, "blunt": self.blunt},
            randomised={"head": self.explain, "trunk": self.turned},
        )

    def blunt(self, images: Tensor) -> Tensor:
        """The same evidence, judged by a model that is never sure."""
        p = 0.25 + 0.5 * self.predict(images)[:, 0]
        return torch.stack((p, 1 - p), dim=1)

    def turned(self, images: Tensor, targets: Tensor) -> Tensor:
        """A map that has lost its place: that of other weights."""
        return self.explain(images, targets).flip(1)


def rows(batch: ExplainedBatch, chosen: list[int]) -> ExplainedBatch:
    return replace(
        batch,
        images=batch.images[chosen],
        targets=batch.targets[chosen],
        attributions=batch.attributions[chosen],
        boxes=tuple(batch.boxes[row] for row in chosen),
        seeds=tuple(batch.seeds[row] for row in chosen),
    )
