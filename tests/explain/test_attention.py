"""Attention rollout and gradient-weighted attention against timm's unfused attention and against closed forms."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from timm.models.resnet import BasicBlock, ResNet
from timm.models.vision_transformer import ParallelScalingBlock, ResPostBlock, VisionTransformer
from torch import Tensor, nn

from study.errors import UnsupportedError
from study.explain import attribute
from study.records import Classifier

SIZE = (24, 16)
GRID = (6, 4)
TARGETS = torch.tensor([1, 0])
KINDS: dict[str, dict[str, Any]] = {
    "class token": {},
    "mean of the patches": {"global_pool": "avg"},
    "mean of all tokens": {"global_pool": "avg", "pool_include_prefix": True},
    "no class token": {"global_pool": "avg", "class_token": False},
    "registers": {"reg_tokens": 3, "no_embed_class": True},
    "normalised keys": {"qk_norm": True, "qkv_bias": False},
    "layer scale": {"init_values": 0.5},
    "post norm": {"block_fn": ResPostBlock},
}
METHODS = ("attention_rollout", "attention_gradient")
every_kind = pytest.mark.parametrize("kind", KINDS)
both = pytest.mark.parametrize("name", METHODS)


def vit(**options: Any) -> Classifier:
    torch.manual_seed(4)
    common = {"img_size": SIZE, "patch_size": 4, "in_chans": 1, "num_classes": 2}
    module = VisionTransformer(**{**common, "embed_dim": 12, "depth": 3, "num_heads": 3, **options})
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if "attn" in name and parameter.ndim == 2:
                parameter.mul_(20)  # attention far from uniform
    return classifier_of(module)


def classifier_of(module: nn.Module) -> Classifier:
    return Classifier(module.eval().requires_grad_(False), "net", "vit", ("a", "b"), 1, 24, 0.5, 0.25)


def films() -> Tensor:
    return torch.randn(2, 1, *SIZE, generator=torch.Generator().manual_seed(1))


@contextmanager
def unfused(module: Any) -> Iterator[list[Tensor]]:
    """Attention probabilities [B, heads, T, T] that timm itself computes, block by block, part of the graph."""
    seen: list[Tensor] = []
    hooks = []
    for block in module.blocks:
        block.attn.fused_attn = False
        hooks.append(
            block.attn.attn_drop.register_forward_hook(lambda _m, _i, output: seen.append(output.requires_grad_()))
        )
    yield seen
    for hook in hooks:
        hook.remove()


def pooled(module: Any, product: Tensor) -> Tensor:
    """Rows of [B, T, T] that the head reads, patches only, as a grid."""
    front = module.num_prefix_tokens
    if module.global_pool == "token":
        row = product[:, 0]
    else:
        row = product[:, 0 if module.pool_include_prefix else front :].mean(dim=1)
    return row[:, front:].reshape(-1, *GRID)


@every_kind
def test_rollout_is_the_product_of_the_normalised_attentions(kind: str) -> None:
    classifier = vit(**KINDS[kind])
    maps = attribute("attention_rollout", classifier, films(), TARGETS)
    with unfused(classifier.module) as probabilities:
        classifier.module(films())
    identity = product = torch.eye(probabilities[0].shape[-1]).expand(2, -1, -1)
    for attention in probabilities:
        mixed = attention.mean(dim=1) + identity
        product = mixed / mixed.sum(dim=-1, keepdim=True) @ product
    torch.testing.assert_close(maps, pooled(classifier.module, product), atol=1e-6, rtol=1e-4)
    assert maps.std() > 0.003, "far from uniform, so that a wrong order would be seen"


@every_kind
def test_gradient_weighted_attention_is_what_autograd_makes_of_unfused_attention(kind: str) -> None:
    classifier = vit(**KINDS[kind])
    maps = attribute("attention_gradient", classifier, films(), TARGETS)
    with unfused(classifier.module) as probabilities, torch.enable_grad():
        score = classifier.module(films()).gather(1, TARGETS[:, None]).sum()
    gradients = torch.autograd.grad(score, probabilities)
    identity = relevance = torch.eye(probabilities[0].shape[-1]).expand(2, -1, -1)
    for attention, gradient in zip(probabilities, gradients, strict=True):
        relevance = relevance + (gradient * attention.detach()).clamp(min=0).mean(dim=1) @ relevance
    expected = pooled(classifier.module, relevance - identity)
    assert expected.max() > 0
    torch.testing.assert_close(maps, expected, atol=1e-5 * float(expected.max()), rtol=1e-3)


@pytest.mark.parametrize("pool", ["token", "avg"])
def test_uniform_attention_rolls_out_to_a_number_one_can_write_down(pool: str) -> None:
    classifier = vit(global_pool=pool, depth=3)
    for block in classifier.module.blocks:
        nn.init.zeros_(block.attn.qkv.weight)
    maps = attribute("attention_rollout", classifier, films(), TARGETS)
    # ((J / T + I) / 2)^3 = (1 - 1/8) J / T + I / 8 with J full of ones and T = 1 + 24 tokens.
    own = 0.0 if pool == "token" else 1 / 8 / 24
    torch.testing.assert_close(maps, torch.full((2, *GRID), 7 / 8 / 25 + own))


@both
@every_kind
def test_the_numbers_of_the_network_do_not_change(name: str, kind: str) -> None:
    classifier = vit(**KINDS[kind])
    before = classifier.module(films())
    fused = [block.attn.fused_attn for block in classifier.module.blocks]
    said: list[Tensor] = []
    hook = classifier.module.register_forward_hook(lambda _module, _inputs, output: said.append(output.detach()))
    attribute(name, classifier, films(), TARGETS)
    hook.remove()
    assert torch.equal(said[0], before)
    assert torch.equal(classifier.module(films()), before)
    assert [block.attn.fused_attn for block in classifier.module.blocks] == fused == [True] * 3


@both
def test_fused_and_unfused_attention_give_the_same_maps(name: str) -> None:
    classifier = vit()
    fused = attribute(name, classifier, films(), TARGETS)
    for block in classifier.module.blocks:
        block.attn.fused_attn = False
    torch.testing.assert_close(attribute(name, classifier, films(), TARGETS), fused, atol=1e-6, rtol=1e-4)


def test_a_class_that_depends_on_nothing_has_no_gradient_weighted_attention() -> None:
    classifier = vit()
    nn.init.zeros_(classifier.module.head.weight)
    assert not attribute("attention_gradient", classifier, films(), TARGETS).any()


def test_a_transformer_inside_a_wrapper_is_found() -> None:
    classifier = vit()
    wrapped = classifier_of(nn.Sequential(nn.Identity(), classifier.module))
    for name in METHODS:
        assert torch.equal(attribute(name, wrapped, films(), TARGETS), attribute(name, classifier, films(), TARGETS))


@both
@pytest.mark.parametrize(
    ("module", "message"),
    [
        (lambda: ResNet(BasicBlock, (1, 1, 1, 1), in_chans=1), "timm's VisionTransformer; found ResNet"),
        (
            lambda: VisionTransformer(img_size=SIZE, patch_size=4, depth=1, block_fn=ParallelScalingBlock),
            r"plain Attention; blocks.0 \(ParallelScalingBlock\) has no attn",
        ),
        (
            lambda: VisionTransformer(img_size=SIZE, patch_size=4, depth=1, attn_layer="diff"),
            r"plain Attention; blocks.0 \(Block\) has attn of class DiffAttention",
        ),
        (
            lambda: VisionTransformer(img_size=SIZE, patch_size=4, depth=1, global_pool="map"),
            "found pooling 'map' after 1 blocks",
        ),
        (
            lambda: VisionTransformer(img_size=SIZE, patch_size=4, depth=1, global_pool="avgmax"),
            "found pooling 'avgmax' after 1 blocks",
        ),
    ],
    ids=["resnet", "parallel", "diff", "map", "avgmax"],
)
def test_other_networks_are_refused_by_what_was_found(name: str, module: Any, message: str) -> None:
    with pytest.raises(UnsupportedError, match=message):
        attribute(name, classifier_of(module()), films(), TARGETS)


@both
def test_a_failing_network_is_left_without_hooks(name: str) -> None:
    classifier = vit()
    with pytest.raises(AssertionError):
        attribute(name, classifier, films()[..., :12, :], TARGETS)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in classifier.module.modules())
