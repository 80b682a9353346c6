"""LRP: rules by hand, what is conserved, zennit, and networks without rules."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import timm
import torch
import torchvision
from timm.models.densenet import DenseNet
from timm.models.resnet import BasicBlock, Bottleneck, ResNet
from timm.models.vgg import VGG
from torch import Tensor, nn
from torch.nn import functional as F
from zennit.attribution import Gradient
from zennit.canonizers import SequentialMergeBatchNorm
from zennit.composites import LayerMapComposite, SpecialFirstLayerMapComposite
from zennit.layer import Sum as ZennitSum
from zennit.rules import Norm, Pass, ZBox, ZPlus
from zennit.torchvision import ResNetCanonizer
from zennit.types import Activation, AvgPool, Linear

from study.errors import UnsupportedError
from study.explain import attribute
from study.explain.layers import feature_layers
from study.explain.relevance import _Rules, propagate, refuse_others
from study.explain.relevance_rules import PassOn
from study.records import Classifier
from study.registry import ATTRIBUTIONS, architecture, model_family

TARGETS = torch.tensor([1, 0])
META, META_TARGETS = torch.empty(1, 3, 224, 224, device="meta"), torch.zeros(1, dtype=torch.int64, device="meta")
KINDS = ("resnet", "resnetd", "resnext", "densenet", "vgg", "vgg_bn")


def classifier_of(module: nn.Module, name: str = "net") -> Classifier:
    return Classifier(module.eval().requires_grad_(False), name, "cnn", ("a", "b", "c"), 3, 32, 0.5, 0.25)


def films(*size: int, in_chans: int = 3) -> Tensor:
    return torch.randn(2, in_chans, *size, generator=torch.Generator().manual_seed(1))


def trained(module: nn.Module, *, negative: bool = False) -> nn.Module:
    """Batch norms as after a training; `negative`: scales of either sign.

    The first of its inputs is on and excites each neuron; otherwise some would keep their relevance.
    """
    for layer in (m for m in module.modules() if isinstance(m, nn.Conv2d | nn.Linear)):
        layer.weight.data[:, 0].abs_()
    generator = torch.Generator().manual_seed(2)
    for norm in (m for m in module.modules() if isinstance(m, nn.BatchNorm2d)):
        draws = torch.rand(4, norm.num_features, generator=generator)
        norm.running_mean, norm.running_var = draws[0] - 0.5, draws[1] + 0.5
        gamma = draws[2] + 0.5
        norm.weight = nn.Parameter(gamma * (draws[2] - 0.4).sign() if negative else gamma)
        norm.bias = nn.Parameter(draws[3])
        norm.bias.data[0] += 5
    return module.eval().requires_grad_(False)


def network(kind: str, **options: Any) -> nn.Module:
    torch.manual_seed(3)
    common = {"num_classes": 3, **options}
    wide = {"channels": (16, 16, 32, 32), "stem_width": 8}
    small: dict[str, Callable[[], nn.Module]] = {
        "resnet": lambda: ResNet(BasicBlock, (1, 2, 1, 1), channels=(8, 8, 16, 16), stem_width=8, **common),
        "resnetd": lambda: ResNet(Bottleneck, (1, 1, 1, 1), stem_type="deep", avg_down=True, **wide, **common),
        "resnext": lambda: ResNet(Bottleneck, (1, 1, 1, 1), cardinality=2, base_width=32, **wide, **common),
        "densenet": lambda: DenseNet(growth_rate=4, block_config=(2, 2, 2), **common),
        "vgg": lambda: VGG([8, "M", 16, "M"], mlp_ratio=0.01, **common),
        "vgg_bn": lambda: VGG([8, "M", 16, "M"], mlp_ratio=0.01, norm_layer=nn.BatchNorm2d, **common),
    }
    return trained(small[kind]())


def on_meta(name: str) -> nn.Module:
    """A network of timm that knows its shapes only: enough to see its operations."""
    with torch.device("meta"):
        return timm.create_model(name, num_classes=3).eval().requires_grad_(False)


def relevance(module: nn.Module, images: Tensor, layer: str | None = None) -> Tensor:
    return propagate(module, layer, images, TARGETS, others=lambda _: 0.0).relevance


def shares(run: Callable[[Tensor], Tensor], values: list[Any], start: list[Any]) -> Any:
    """Relevance that `run` sends back to its inputs, which are no pixels, from these relevances of its outputs."""
    leaf = torch.tensor(values, requires_grad=True)
    inner = PassOn.apply(leaf, torch.clone)
    with _Rules():
        outputs = run(inner)
    refuse_others(outputs)
    return torch.autograd.grad(outputs, leaf, torch.tensor(start))[0].tolist()


# By hand.


def test_zplus_shares_by_excitation_and_gives_the_bias_nothing() -> None:
    weight, bias = torch.tensor([[2.0, 1.0, -1.0]]), torch.tensor([10.0])
    assert shares(lambda x: F.linear(x, weight, bias), [[1.0, 2.0, 3.0]], [[1.0]]) == [[0.5, 0.5, 0.0]]


def test_zplus_of_mixed_signs_takes_negative_inputs_by_negative_weights() -> None:
    weight = torch.tensor([[1.0, -3.0, 5.0, -5.0]])
    assert shares(lambda x: F.linear(x, weight), [[1.0, -1.0, -1.0, 1.0]], [[1.0]]) == [[0.25, 0.75, 0.0, 0.0]]


def test_a_neuron_that_only_its_bias_speaks_for_keeps_its_relevance() -> None:
    weight, bias = torch.tensor([[-1.0, -2.0]]), torch.tensor([10.0])
    assert shares(lambda x: F.linear(x, weight, bias), [[1.0, 2.0]], [[1.0]]) == [[0.0, 0.0]]


def test_pixels_share_by_their_distance_from_the_bounds_of_their_image() -> None:
    # x w - l w+ - h w- with l = 1 and h = 4: (1 - 1) 2, (2 - 1) 1, (4 - 4) (-1), (3 - 4) (-1).
    leaf = torch.tensor([[1.0, 2.0, 4.0, 3.0]], requires_grad=True)
    with _Rules():
        outputs = F.linear(leaf, torch.tensor([[2.0, 1.0, -1.0, -1.0]]))
    assert torch.autograd.grad(outputs, leaf, torch.ones(1, 1))[0].tolist() == [[0.0, 0.5, 0.0, 0.5]]


@pytest.mark.parametrize(
    "add", [lambda a, b: a + b, lambda a, b: a.add_(b), lambda a, b: torch.add(a, b)], ids=["+", "add_", "torch.add"]
)
def test_a_sum_is_shared_by_value_and_a_negative_branch_gets_the_opposite_sign(add: Any) -> None:
    def residual(x: Tensor) -> Tensor:
        first, second = x.clone().split(1, dim=1)
        return add(first.clone(), second)

    assert shares(residual, [[3.0, -1.0]], [[1.0]]) == [[1.5, -0.5]]


@pytest.mark.parametrize(
    "relu",
    [F.relu, torch.relu, lambda x: x.relu(), lambda x: x.relu_(), lambda x: F.relu(x, inplace=True), nn.ReLU(True)],
    ids=["F", "torch", "method", "method in place", "F in place", "module in place"],
)
def test_relu_passes_relevance_on_and_still_cuts(relu: Any) -> None:
    kept: list[Tensor] = []

    def run(x: Tensor) -> Tensor:
        kept.append(relu(x.clone()))
        return kept[0]

    assert shares(run, [[3.0, -1.0]], [[1.0, 2.0]]) == [[1.0, 2.0]]
    assert kept[0].tolist() == [[3.0, 0.0]]


def test_a_relu_in_place_whose_result_nobody_takes_works_in_place() -> None:
    def run(x: Tensor) -> Tensor:
        x = x.clone()
        x.relu_()
        return F.linear(x, torch.tensor([[1.0, -1.0]]))

    assert shares(run, [[3.0, -1.0]], [[1.0]]) == [[1.0, 0.0]]


def test_the_winner_of_max_pooling_takes_all() -> None:
    values = [[[[1.0, 5.0, 2.0, 2.5]]]]
    assert shares(lambda x: F.max_pool2d(x, (1, 2)), values, [[[[1.0, 2.0]]]]) == [[[[0.0, 1.0, 0.0, 2.0]]]]


@pytest.mark.parametrize(
    "mean",
    [
        lambda x: F.avg_pool2d(x, (1, 2)),
        lambda x: F.adaptive_avg_pool2d(x, 1),
        lambda x: x.mean((2, 3)),
        lambda x: torch.mean(x, dim=-1, keepdim=True),
    ],
    ids=["avg_pool2d", "adaptive", "method", "torch.mean"],
)
def test_a_mean_is_shared_by_size(mean: Any) -> None:
    start = torch.ones_like(mean(torch.ones(1, 1, 1, 2))).tolist()
    assert shares(mean, [[[[1.0, 3.0]]]], start) == [[[[0.25, 0.75]]]]
    assert shares(mean, [[[[-1.0, -3.0]]]], start) == [[[[0.25, 0.75]]]]
    assert shares(mean, [[[[3.0, -3.0]]]], start) == [[[[0.5, 0.5]]]]  # in proportion to x: 0 / 0


def test_concatenation_gives_each_its_own_part() -> None:
    both = shares(lambda x: torch.cat((x, x), dim=1), [[1.0, 7.0]], [[1.0, 2.0, 3.0, 4.0]])
    assert both == [[4.0, 6.0]]


def test_batch_norm_passes_on_and_its_negative_scale_turns_the_weights_before_it() -> None:
    norm = trained(nn.BatchNorm2d(2))
    norm.weight.data = torch.tensor([0.5, -2.0])
    weight = torch.tensor([[1.0, -1.0], [1.0, -1.0]]).view(2, 2, 1, 1)
    values = [[[[3.0]], [[5.0]]]]
    assert shares(norm, values, [[[[1.0]], [[2.0]]]]) == [[[[1.0]], [[2.0]]]]
    # Output 0 rises by input 0; output 1, turned, by input 1.
    assert shares(lambda x: norm(F.conv2d(x, weight)), values, [[[[1.0]], [[2.0]]]]) == [[[[1.0]], [[2.0]]]]


# What is conserved.


@pytest.mark.parametrize("in_chans", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_relevance_sums_to_that_of_the_class_at_every_layer(kind: str, in_chans: int) -> None:
    module = network(kind, in_chans=in_chans)
    images = films(64, 32, in_chans=in_chans)
    inner = [name for name, part in module.named_modules() if isinstance(part, nn.MaxPool2d)][:1]
    for layer in (None, *inner, *feature_layers(module)):
        found = relevance(module, images, layer)
        assert found.shape[2] == 2 * found.shape[3]
        torch.testing.assert_close(found.sum(dim=(1, 2, 3)), torch.ones(2), atol=1e-4, rtol=0, msg=f"{layer}")


def test_a_layer_inside_a_branch_has_the_share_of_the_branch() -> None:
    module, images = network("resnet"), films(64, 32)
    whole = relevance(module, images, "layer1").sum(dim=(1, 2, 3))
    branch = relevance(module, images, "layer2.0.bn2").sum(dim=(1, 2, 3))
    shortcut = relevance(module, images, "layer2.0.downsample").sum(dim=(1, 2, 3))
    assert (branch - 1).abs().min() > 1e-3
    torch.testing.assert_close(branch + shortcut, whole)


def test_clrp_is_the_relevance_of_the_class_less_that_of_the_others() -> None:
    classifier, images = classifier_of(network("resnet")), films(32, 32)
    each = [attribute("lrp_zplus", classifier, images, torch.tensor([k, k])) for k in range(3)]
    rows = torch.stack([torch.stack([each[k][row] for k in range(3)]) for row in range(2)])
    for balanced, share in ((False, 1 / 3), (True, 1 / 2)):
        start = torch.full((2, 3), -share).scatter(1, TARGETS[:, None], 1.0)
        maps = attribute("clrp", classifier, images, TARGETS, settings={"balanced": balanced})
        torch.testing.assert_close(maps, torch.einsum("bk,bkhw->bhw", start, rows), atol=1e-5, rtol=0)
        torch.testing.assert_close(maps.sum(dim=(1, 2)), torch.full((2,), 1 - 2 * share), atol=1e-4, rtol=0)


def test_a_constant_image_has_no_relevance_and_no_nan() -> None:
    classifier = classifier_of(network("vgg"))
    for value in (0.0, -1.5):
        assert attribute("lrp_zplus", classifier, torch.full((2, 3, 32, 32), value), TARGETS).abs().max() == 0


def test_a_map_does_not_change_with_the_scale_of_inner_activations() -> None:
    module, images = network("vgg"), films(32, 32)
    before = relevance(module, images)
    module.features[0].weight.data *= 1e-6
    module.features[0].bias.data *= 1e-6
    module.features[3].weight.data *= 1e6
    torch.testing.assert_close(relevance(module, images), before, atol=1e-4 * float(before.abs().max()), rtol=0)


# zennit.


def by_zennit(module: nn.Module, images: Tensor, *, canonizers: Any = (), bounds: bool) -> Tensor:
    """Relevance of the input by z+ without biases; `bounds`: with z^B at the first layer."""
    rule = {"stabilizer": 1e-12, "zero_params": ["bias"]}
    layers = [
        (Activation, Pass()),
        ((AvgPool, ZennitSum), Norm(stabilizer=1e-12)),
        (Linear, ZPlus(**rule)),
    ]
    low, high = images.amin(dim=(1, 2, 3), keepdim=True), images.amax(dim=(1, 2, 3), keepdim=True)
    first = ZBox(low.expand_as(images), high.expand_as(images), **rule)
    composite = (
        SpecialFirstLayerMapComposite(layers, [(Linear, first)], canonizers=list(canonizers))
        if bounds
        else LayerMapComposite(layers, canonizers=list(canonizers))
    )
    with Gradient(module, composite) as attributor:
        found: Tensor = attributor(images.clone(), lambda logits: F.one_hot(TARGETS, logits.shape[1]).to(logits))[1]
    return found.detach()


def sequential(norm: bool) -> nn.Module:
    torch.manual_seed(4)
    layers: list[nn.Module] = []
    for before, after in ((3, 8), (8, 8), (8, 12)):
        layers += [nn.Conv2d(before, after, 3, padding=1)]
        layers += [nn.BatchNorm2d(after)] * norm
        layers += [nn.ReLU(), nn.MaxPool2d(2)]
    head = [nn.AdaptiveAvgPool2d((2, 1)), nn.Flatten(), nn.Linear(24, 6), nn.ReLU(), nn.Linear(6, 3)]
    return nn.Sequential(*layers, *head)


def resnet() -> nn.Module:
    torch.manual_seed(5)
    return torchvision.models.ResNet(torchvision.models.resnet.BasicBlock, [1, 1, 1, 1], num_classes=3)


@pytest.mark.parametrize("bounds", [True, False], ids=["z^B", "z+"])
@pytest.mark.parametrize(
    ("build", "canonizers"),
    [
        (lambda: sequential(norm=False), ()),
        (lambda: sequential(norm=True), (SequentialMergeBatchNorm(),)),
        (resnet, (ResNetCanonizer(),)),
    ],
    ids=["vgg", "vgg with negative scales", "resnet with negative scales"],
)
def test_relevance_is_that_of_zennit(
    build: Callable[[], nn.Module], canonizers: Any, bounds: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, images = trained(build(), negative=True), films(64, 32)
    if not bounds:
        monkeypatch.setattr("study.explain.relevance_rules._are_pixels", lambda _: False)
    ours = relevance(module, images)
    expected = by_zennit(module, images, canonizers=canonizers, bounds=bounds)
    torch.testing.assert_close(ours, expected, atol=1e-4 * float(expected.abs().max()), rtol=0)


# Networks and layers.


@pytest.mark.parametrize(
    ("method", "name", "operations"),
    [
        ("relevance_cam", "convnext_atto", "Gelu, Mul, NativeLayerNorm"),
        ("lrp_zplus", "efficientnet_b0", "Mul, Sigmoid, Silu"),
        ("clrp", "efficientnet_b0", "Mul, Sigmoid, Silu"),
        ("relevance_cam", "efficientnet_b0", "Mul, Sigmoid, Silu"),
        ("lrp_zplus", "seresnet18", "Mul, Sigmoid"),
        ("lrp_zplus", "vit_tiny_patch16_224", "Add, Bmm, Gelu, Mul, NativeLayerNorm, SafeSoftmax"),
    ],
)
def test_networks_with_other_operations_are_refused_whatever_the_layer(method: str, name: str, operations: str) -> None:
    classifier = classifier_of(on_meta(name), name)
    deepest = {"layer": feature_layers(classifier.module)[-1]}
    with pytest.raises(UnsupportedError, match=f"LRP has no rule for {operations}; it has rules for convolution"):
        attribute(method, classifier, META, META_TARGETS, settings=deepest)


def test_a_preactivation_network_is_refused_because_its_sums_may_cancel() -> None:
    with pytest.raises(UnsupportedError, match="no rule for batch norm of a sum"):
        attribute("lrp_zplus", classifier_of(on_meta("resnetv2_18")), META, META_TARGETS)


class Odd(nn.Module):
    """conv -> something -> mean of each channel."""

    def __init__(self, something: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.conv, self.something = nn.Conv2d(3, 3, 1), something
        self.spare = nn.Conv2d(3, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.something(self.conv(x)).mean(dim=(2, 3))


class Cube(torch.autograd.Function):
    """An operation with a gradient of its own."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x**3

    @staticmethod
    def backward(ctx: Any, *gradient: Tensor) -> Tensor:
        return gradient[0]


def gate(x: Tensor) -> Tensor:
    with torch.no_grad():
        weight = x.mean(dim=(2, 3), keepdim=True)
    return F.conv2d(x, weight.expand(3, 3, 1, 1))


@pytest.mark.parametrize(
    ("something", "message"),
    [
        (lambda x: x * 2, "no rule for Mul"),
        (lambda x: x + 1, "no rule for Add"),
        (lambda x: x + x.mean(dim=(2, 3), keepdim=True), "no rule for Add"),
        (lambda x: torch.add(x, x, alpha=2), "no rule for Add"),
        (lambda x: x.exp(), "no rule for Exp"),
        (lambda x: x.where(x > 0, 0.1 * x), "no rule for Mul, Where"),
        (lambda x: x.detach() + x, r"no rule for torch.Tensor.detach, where the graph ends"),
        (lambda x: x.data + x, r"no rule for torch.Tensor.data.__get__, where the graph ends"),
        (
            lambda x: F.conv2d(x, x.mean(dim=(0, 2, 3)).expand(3, 3)[..., None, None]),
            "no rule for weights that a network",
        ),
        (lambda x: F.batch_norm(x, torch.zeros(3), torch.ones(3), x.mean(dim=(0, 2, 3))), "no rule for weights that a"),
        (gate, r"no rule for torch.Tensor.mean, where the graph ends"),
        (nn.BatchNorm2d(3, track_running_stats=False).eval(), "no rule for NativeBatchNorm"),
        (nn.InstanceNorm2d(3).eval(), "no rule for NativeBatchNorm"),
        (lambda x: Cube.apply(x), r"no rule for torch.Tensor.__?pow.*, where the graph ends"),
    ],
)
def test_an_operation_without_a_rule_is_an_error_and_not_a_gradient(something: Any, message: str) -> None:
    with pytest.raises(UnsupportedError, match=message):
        attribute("lrp_zplus", classifier_of(Odd(something)), films(4, 4), TARGETS)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("spare", "module 'spare' takes no part"),
        ("fc", r"the output of module 'fc' is no feature map \[B, K, h, w\]"),
        (9, "net has no layer 9"),
        ("layer5", "net has no module 'layer5'"),
    ],
)
def test_layers_that_have_no_map_are_refused(layer: int | str, message: str) -> None:
    module = Odd(torch.relu) if layer == "spare" else network("resnet")
    with pytest.raises(UnsupportedError, match=message):
        attribute("lrp_zplus", classifier_of(module), films(32, 32), TARGETS, settings={"layer": layer})


def test_layers_have_the_names_and_depths_of_gradcam() -> None:
    classifier, images = classifier_of(network("resnet")), films(64, 32)
    for depth, name in enumerate(feature_layers(classifier.module), start=1):
        by_depth = attribute("lrp_zplus", classifier, images, TARGETS, settings={"layer": depth})
        assert by_depth.shape[1] == 2 * by_depth.shape[2]
        assert torch.equal(by_depth, attribute("lrp_zplus", classifier, images, TARGETS, settings={"layer": name}))
    assert torch.equal(by_depth, attribute("lrp_zplus", classifier, images, TARGETS, settings={"layer": None}))


def test_the_relevance_of_a_layer_is_what_goes_through_its_module() -> None:
    module = Odd(lambda x: module.spare(x) + x)
    module.spare = nn.Identity()
    found = relevance(module.eval().requires_grad_(False), films(4, 4), "spare")
    torch.testing.assert_close(2 * found, relevance(module, films(4, 4), "conv"))


def test_a_wrapped_network_and_one_whose_weights_need_gradients_are_explained_alike() -> None:
    classifier, images = classifier_of(network("densenet")), films(32, 32)
    expected = attribute("lrp_zplus", classifier, images, TARGETS)
    wrapped = classifier_of(nn.Sequential(nn.Identity(), classifier.module))
    assert torch.equal(attribute("lrp_zplus", wrapped, images, TARGETS), expected)
    free = classifier_of(network("densenet"))
    free.module.requires_grad_(True)
    assert torch.equal(attribute("lrp_zplus", free, images, TARGETS), expected)
    assert all(weight.grad is None for weight in free.module.parameters())


# Names.


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("resnet18", "resnet"),
        ("resnet50d.ra2_in1k", "resnet"),
        ("resnetaa50", "resnet"),
        ("resnetblur18", "resnet"),
        ("resnext50_32x4d.a1_in1k", "resnext"),
        ("resnetv2_50x1_bit.goog_in21k", "resnetv2"),
        ("resnetrs50", "resnetrs"),
        ("resnet50_gn", "resnet50_gn"),
        ("resnet50x4_clip.openai", "resnet50x4_clip"),
        ("resnet33ts", "resnet33ts"),
        ("resnet51q", "resnet51q"),
        ("resnext26ts", "resnext26ts"),
        ("densenet_phantom", "densenet"),
        ("densenetblur121d", "densenet"),
        ("vgg16_bn", "vgg"),
        ("vit_phantom", "vit"),
        ("deit_small_patch16_224", "deit"),
        ("efficientnet_b0", "efficientnet"),
        ("inception_v3", None),
    ],
)
def test_the_architecture_of_a_name_tells_namesakes_apart(name: str, expected: str | None) -> None:
    assert architecture(name) == expected
    assert (model_family(name) is None) == (expected is None)


@pytest.mark.slow
def test_names_that_the_registry_admits_are_those_of_networks_with_rules() -> None:
    admitted = ATTRIBUTIONS["lrp_zplus"].architectures
    deep = re.compile(r"101|152|161|169|200|201|264|270|350|420|x4_|x16_|x64_|x3_")
    names = [n for n in timm.list_models(["resne*", "densenet*", "vgg*"]) if model_family(n) and not deep.search(n)]
    assert len(names) > 30
    for name in names:
        # Without its attention a CLIP ResNet would do, but its name says so only at the end.
        expected = architecture(name) in admitted or name.endswith("clip_gap")
        assert has_rules(on_meta(name)) == expected, name


def has_rules(module: nn.Module) -> bool:
    try:
        with _Rules():
            logits = module(META.clone().requires_grad_())
        refuse_others(logits)
    except UnsupportedError:
        return False
    return True
