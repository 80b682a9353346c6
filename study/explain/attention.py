"""Attention of a vision transformer, followed from the head back to the patches.

Attention is read from the output of each block's `qkv`, and its gradient follows from that of the attended values
O = A V: dY/dA = dY/dO V^T. So the network runs as it always does, with timm's fused attention or without, and its
numbers do not change. As only the pooled rows of the product over blocks are needed, rows are multiplied from the
head downwards, which gives the same numbers without a product of T x T matrices.

References: Abnar and Zuidema, Quantifying Attention Flow in Transformers, ACL 2020, arXiv:2005.00928, section 3;
Chefer et al., Generic Attention-model Explainability, ICCV 2021, arXiv:2103.15679, Eq. 5 and 6.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import torch
from timm.layers.attention import Attention
from torch import Tensor, nn

from study.errors import UnsupportedError
from study.explain.gradients import target_logits
from study.explain.layers import token_grid
from study.explain.sharing import by_chunk
from study.records import Classifier


class Attended(NamedTuple):
    """One attention's part in one forward pass over T tokens.

    Attributes:
        weights: [B, heads, T, T] probabilities: how much each row's token takes from each column's.
        values: [B, heads, T, D], what is taken.
    """

    weights: Tensor
    values: Tensor


class _Records(NamedTuple):
    """Of each attention, shallow to deep: output of `qkv` [B, T, 3 * heads * D], attended values [B, T, heads * D]."""

    qkv: list[Tensor]
    attended: list[Tensor]


@by_chunk
def attention_rollout(classifier: Classifier, images: Tensor, targets: Tensor) -> Tensor:
    """Product over blocks of (A + I) / 2, with A averaged over heads, in the row that the head reads.

    Args:
        classifier: a vision transformer of timm whose head reads the class token or the mean of the patches.
        images: [B, C, H, W] normalised; need not be square.
        targets: not read: the map is the same for every class.

    Returns:
        [B, H / p, W / p], non-negative: what the class token takes from each patch; for a mean-pooled head, what its
        tokens take on average. Prefix tokens (class, registers) are left out, so that maps sum to 1 at most.

    Raises:
        UnsupportedError: another attention than timm's plain one, or another pooling.
    """
    transformer, attentions = _layout(classifier)
    with torch.no_grad(), _recording(attentions, differentiable=False) as records:
        classifier.module(images)
    rows = _pooled(transformer, records.qkv[0])
    for attention, qkv in zip(reversed(attentions), reversed(records.qkv), strict=True):
        rows = (rows + rows @ attend(attention, qkv).weights.mean(dim=1)) / 2
    return _grid(classifier, rows, images)


@by_chunk
def attention_gradient(classifier: Classifier, images: Tensor, targets: Tensor) -> Tensor:
    """R of Chefer et al.: R = I, then R + mean over heads of max(dY/dA * A, 0) R for each block.

    For a mean-pooled head, which the paper does not treat, rows of R - I are averaged: the identity would lift all
    patches alike. In the row of a class token it holds no patch.

    Args:
        classifier: as above.
        images: as above.
        targets: [B] class index; Y is its logit.

    Returns:
        [B, H / p, W / p], non-negative; all zero where no attention speaks for the class.

    Raises:
        UnsupportedError: as above.
    """
    transformer, attentions = _layout(classifier)
    with torch.enable_grad(), _recording(attentions, differentiable=True) as records:
        score = target_logits(classifier.module, images, targets).sum()
    gradients = torch.autograd.grad(score, records.attended)
    start = rows = _pooled(transformer, records.qkv[0])
    for attention, qkv, gradient in reversed(list(zip(attentions, records.qkv, gradients, strict=True))):
        weights, values = attend(attention, qkv)
        by_head = gradient.view(*gradient.shape[:2], attention.num_heads, attention.head_dim).transpose(1, 2)
        by_weights = by_head @ values.transpose(-2, -1)  # dY/dA
        rows = rows + rows @ (by_weights * weights).clamp(min=0).mean(dim=1)
    return _grid(classifier, rows - start, images)


def attend(attention: Any, qkv: Tensor) -> Attended:
    """Attention probabilities and values of a timm `Attention` from the output of its `qkv`."""
    parts = qkv.view(*qkv.shape[:2], 3, attention.num_heads, attention.head_dim)
    queries, keys, values = parts.permute(2, 0, 3, 1, 4)
    queries, keys = attention.q_norm(queries), attention.k_norm(keys)
    return Attended((queries * attention.scale @ keys.transpose(-2, -1)).softmax(dim=-1), values)


def _layout(classifier: Classifier) -> tuple[Any, list[Any]]:
    """The transformer and the attention of each of its blocks, shallow to deep."""
    parts = ("patch_embed", "num_prefix_tokens", "blocks", "global_pool")
    transformer: Any = next((m for m in classifier.module.modules() if all(hasattr(m, part) for part in parts)), None)
    if transformer is None:
        raise UnsupportedError(
            f"{classifier.name}: attention is read from timm's VisionTransformer; found {_kind(classifier.module)}"
        )
    attentions = []
    for name, block in transformer.blocks.named_children():
        attentions.append(getattr(block, "attn", None))
        if not isinstance(attentions[-1], Attention):
            found = "no attn" if attentions[-1] is None else f"attn of class {_kind(attentions[-1])}"
            raise UnsupportedError(
                f"{classifier.name}: attention is read from timm's plain Attention; "
                f"blocks.{name} ({_kind(block)}) has {found}"
            )
    if transformer.global_pool not in ("token", "avg") or not attentions:
        raise UnsupportedError(
            f"{classifier.name}: attention is followed from a head that reads the class token ('token') or the mean "
            f"of the patches ('avg'); found pooling '{transformer.global_pool}' after {len(attentions)} blocks"
        )
    return transformer, attentions


@contextmanager
def _recording(attentions: Sequence[Any], *, differentiable: bool) -> Iterator[_Records]:
    """Records what the attentions compute; `differentiable`: gradients reach back to the first one's values."""
    records = _Records([], [])

    def note_qkv(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        records.qkv.append(output.detach())

    def note_attended(_module: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
        # Weights are frozen: nothing has a gradient before the first attention gets its own.
        start = differentiable and not records.attended
        records.attended.append(inputs[0].detach().requires_grad_() if start else inputs[0])
        return (records.attended[-1],)

    with ExitStack() as stack:
        for attention in attentions:
            stack.callback(attention.qkv.register_forward_hook(note_qkv).remove)
            stack.callback(attention.norm.register_forward_pre_hook(note_attended).remove)
        yield records


def _pooled(transformer: Any, tokens: Tensor) -> Tensor:
    """Share of each of the tokens [B, T, ...] in what the head reads, [B, 1, T]."""
    shares = tokens.new_zeros(len(tokens), 1, tokens.shape[1])
    if transformer.global_pool == "token":
        shares[:, :, 0] = 1
    else:
        pooled = shares[:, :, 0 if transformer.pool_include_prefix else transformer.num_prefix_tokens :]
        pooled.fill_(1 / pooled.shape[-1])
    return shares


def _grid(classifier: Classifier, rows: Tensor, images: Tensor) -> Tensor:
    return token_grid(classifier.module, rows.transpose(1, 2), (images.shape[-2], images.shape[-1]))[:, 0]


def _kind(module: nn.Module) -> str:
    return type(module).__name__
