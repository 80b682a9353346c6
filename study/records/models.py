"""Trained models, their maps, and what metrics see."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor, nn

Family = Literal["vit", "cnn"]
Outputs = Literal["softmax", "sigmoid"]
"""Probabilities of classes that exclude each other, or of findings of which a film may have several."""


@dataclass(frozen=True)
class Classifier:
    """A trained model, ready to be asked: eval mode, gradients off for its parameters.

    Attributes:
        module: [B, C, H, W] normalised float images -> [B, K] logits.
        name: model name of the protocol.
        family: which attribution methods fit.
        classes: K class names.
        in_chans: channels the module expects; grey images are repeated.
        image_size: side of the square input, pixels.
        mean, std: normalisation the module was fine-tuned with, scale [0, 1].
        outputs: what makes probabilities of the logits.
    """

    module: nn.Module
    name: str
    family: Family
    classes: tuple[str, ...]
    in_chans: int
    image_size: int
    mean: float
    std: float
    outputs: Outputs = "softmax"


@dataclass(frozen=True)
class Curves:
    """Perturbation curves of a batch for one baseline, both orders.

    `deletion_morf[b, k]` is the probability of the target after the k-th step of replacing the
    most relevant pixels by the baseline; `deletion_lerf` starts with the least relevant. By the
    identity of Petsiuk's two games the insertion curves are these two reversed, so nothing is
    scored twice.

    Attributes:
        deletion_morf, deletion_lerf: [B, n + 1] float64; NaN rows where the order is undefined.
        fractions: [n + 1] share of pixels replaced, 0 to 1 (ROAD stops before 1: nothing would be left to
            impute from).
        baseline: name of the replacement value.
        tile: side in pixels of the squares that are replaced together; 1 for single pixels.
    """

    deletion_morf: Tensor
    deletion_lerf: Tensor
    fractions: Tensor
    baseline: str
    tile: int = 1


@dataclass(frozen=True)
class Masked:
    """What the model says of image * map (map scaled to [0, 1]).

    Attributes:
        p_original, p_masked: [B] float64, probability of the target.
        attributions: [B, H, W] scaled map of the masked image, same method and target.
    """

    p_original: Tensor
    p_masked: Tensor
    attributions: Tensor


@dataclass(frozen=True)
class Cascade:
    """How alike a map stays while the model's weights are redrawn from the output towards the input.

    Attributes:
        steps: S names: down to which part the weights were redrawn, output first.
        spearman: [B, S] float64 rank correlation of the signed maps; spearman_abs: of their absolute values.
        ssim, hog: [B, S] float64 structural similarity, and correlation of histograms of oriented gradients.
            NaN where one of the two maps is constant.
    """

    steps: tuple[str, ...]
    spearman: Tensor
    spearman_abs: Tensor
    ssim: Tensor
    hog: Tensor


@dataclass(frozen=True)
class ExplainedBatch:
    """What a metric sees: functions and tensors, never a model.

    Attributes:
        images: [B, C, H, W] normalised float32.
        targets: [B] int64, the class that is explained.
        attributions: [B, H, W] float32, signed, at input size, any scale.
        boxes: B integer tensors [K, 4], half open, pixels; K = 0 where none was drawn.
        predict: images -> probabilities [B, K] (softmax, of several findings sigmoid; eval mode, no gradients).
        explain: (images, targets) -> attributions [B, H, W], the method that made these.
        signed: [B, h, w] the raw maps, before anything was cut or resized; None: `attributions` are these.
        explain_signed: (images, targets) -> raw signed maps; None: `explain` gives these.
        seeds: B seeds, one per image, read by metrics that draw random numbers.
        curves: curves computed before; missing ones are computed on demand.
        masked: computed before, or None.
        evaluators: name of an arm -> predict of that arm's model, for scores across models.
        cross: name of an arm -> curves of these maps on that arm's model, computed before.
        randomised: name of a part -> `explain_signed` of the model with all weights from the output down to
            that part redrawn, output first.
        cascade: computed before, or None.
    """

    images: Tensor
    targets: Tensor
    attributions: Tensor
    boxes: tuple[Tensor, ...]
    predict: Callable[[Tensor], Tensor]
    explain: Callable[[Tensor, Tensor], Tensor]
    signed: Tensor | None = None
    explain_signed: Callable[[Tensor, Tensor], Tensor] | None = None
    seeds: tuple[int, ...] = ()
    curves: tuple[Curves, ...] = ()
    masked: Masked | None = None
    evaluators: Mapping[str, Callable[[Tensor], Tensor]] = field(default_factory=dict)
    cross: Mapping[str, Curves] = field(default_factory=dict)
    randomised: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = field(default_factory=dict)
    cascade: Cascade | None = None
