"""Class activation maps beyond Grad-CAM: by hand on two channels of 2 x 2, by pytorch-grad-cam, and at their edges."""

import math
from typing import Any

import pytest
import pytorch_grad_cam
import torch
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from timm.models.densenet import DenseNet
from timm.models.resnet import BasicBlock, ResNet
from timm.models.vgg import VGG
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from study.explain import attribute
from study.explain.eigencam import principal, signed
from study.explain.gradcampp import from_moments, noisy_moments
from study.explain.layers import feature_layers
from study.explain.scorecam import channel_scores
from study.records import Classifier

CAMS = ("gradcam", "gradcampp", "xgradcam", "layercam", "hirescam", "eigencam", "scorecam", "smooth_gradcampp")
TARGETS = torch.tensor([1, 0])

ACTIVATIONS = torch.tensor([[[1.0, 2.0], [3.0, 4.0]], [[0.0, 2.0], [0.0, 0.0]]])  # channels sum to 10 and 2
GRADIENTS = torch.tensor([[[1.0, -1.0], [1.0, 1.0]], [[0.0, 2.0], [-2.0, 4.0]]])


class Linear(nn.Module):
    """Logit 0 = sum of gradients * x, logit 1 its negative; `layer` hands x on. Counts films and calls."""

    def __init__(self, gradients: Tensor) -> None:
        super().__init__()
        self.layer = nn.Identity()
        self.gradients = gradients
        self.sizes: list[int] = []

    def forward(self, x: Tensor) -> Tensor:
        self.sizes.append(len(x))
        logit = (self.layer(x) * self.gradients).sum(dim=(1, 2, 3))
        return torch.stack((logit, -logit), dim=1)


class Square(nn.Module):
    """Logit 0 = half the sum of squares, so that the gradient is the film itself."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x).square().sum(dim=(1, 2, 3))[:, None] / 2


def classifier_of(module: nn.Module, name: str = "toy", family: str = "cnn") -> Classifier:
    return Classifier(module.eval().requires_grad_(False), name, family, ("a", "b"), 2, 2, 0.0, 1.0)


def network(kind: str, size: tuple[int, int] = (96, 64)) -> Classifier:
    torch.manual_seed(3)
    common: dict[str, Any] = {"in_chans": 3, "num_classes": 2}
    modules = {
        "vit": lambda: VisionTransformer(img_size=size, patch_size=16, embed_dim=24, depth=3, num_heads=2, **common),
        "resnet": lambda: ResNet(BasicBlock, (1, 1, 1, 1), channels=(8, 8, 16, 16), stem_width=8, **common),
        "densenet": lambda: DenseNet(growth_rate=4, block_config=(2, 2, 2), **common),
        "vgg": lambda: VGG([8, "M", 16, "M"], mlp_ratio=0.01, **common),
    }
    return classifier_of(modules[kind](), f"tiny_{kind}", "vit" if kind == "vit" else "cnn")


def films(*size: int) -> Tensor:
    return torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(1))


def by_hand(name: str) -> Tensor:
    found = attribute(
        name,
        classifier_of(Linear(GRADIENTS)),
        ACTIVATIONS[None],
        torch.tensor([0]),
        settings={"layer": "layer"},
        seeds=[1],
    )
    return found[0]


SCORES = (20 / 3, 2.0)
"""Of the film behind [[0, 1/3], [2/3, 1]] and behind [[0, 1], [0, 0]]; gradient * film is [[1, 2], [3, 4]]."""
FIRST = 1 / (1 + math.exp(SCORES[1] - SCORES[0]))
T = math.sqrt(2) - 1
NORM = math.sqrt(1 + T * T)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # Weights 2/4 and 4/4.
        ("gradcam", [[0.5, 3.0], [1.5, 2.0]]),
        # Weights (1 - 2 + 3 + 4) / 10 and 4 / 2.
        ("xgradcam", [[0.6, 5.2], [1.8, 2.4]]),
        ("layercam", [[1.0, 4.0], [3.0, 4.0]]),
        ("hirescam", [[1.0, 2.0], [3.0, 4.0]]),
        # alpha of the positive gradients: 1 / (2 + 10); 4 / (8 + 16) and 16 / (32 + 128). Weights 3/12 and 2/6 + 4/10.
        ("gradcampp", [[0.25, 0.5 + 22 / 15], [0.75, 1.0]]),
        # The gradient does not depend on the film, so noise does not change it.
        ("smooth_gradcampp", [[0.25, 0.5 + 22 / 15], [0.75, 1.0]]),
        ("scorecam", [[FIRST, 2.0], [3 * FIRST, 4 * FIRST]]),
        # Centred, the channels have the scatter [[5, -1], [-1, 3]], whose first direction is (1, 1 - sqrt 2).
        (
            "eigencam",
            [[(-1.5 + 0.5 * T) / NORM, (-0.5 - 1.5 * T) / NORM], [(0.5 + 0.5 * T) / NORM, (1.5 + 0.5 * T) / NORM]],
        ),
    ],
)
def test_every_rule_gives_what_it_gives_by_hand(name: str, expected: list[list[float]]) -> None:
    torch.testing.assert_close(by_hand(name), torch.tensor(expected), atol=2e-6, rtol=1e-6)


def test_smooth_gradcampp_by_hand_takes_the_means_of_the_powers_and_the_activations_of_the_clean_film() -> None:
    images = ACTIVATIONS[None]
    noise = torch.ones(2, 2, 2, 2) * torch.tensor([1.0, -1.0]).view(2, 1, 1, 1)
    moments = noisy_moments(Square(), "layer", images, torch.tensor([0]), draw=lambda _: noise, noise=0.25)
    # The range is 4, so the gradients are A + 1 and A - 1.
    torch.testing.assert_close(moments.first[0], ACTIVATIONS)
    torch.testing.assert_close(moments.second[0], ACTIVATIONS**2 + 1)
    torch.testing.assert_close(moments.third[0], ACTIVATIONS**3 + 3 * ACTIVATIONS)
    first = 1 * 2 / (4 + 40) + 2 * 5 / (10 + 140) + 3 * 10 / (20 + 360) + 4 * 17 / (34 + 760)
    second = 2 * 5 / (10 + 28)
    expected = first * ACTIVATIONS[0] + second * ACTIVATIONS[1]
    torch.testing.assert_close(from_moments(moments, images)[0], expected, atol=1e-6, rtol=1e-6)


def test_smooth_gradcampp_without_noise_is_gradcampp_and_with_noise_depends_on_seed_and_share() -> None:
    classifier, images = network("vgg"), films(32, 32)

    def smooth(seeds: list[int], **settings: Any) -> Tensor:
        return attribute("smooth_gradcampp", classifier, images, TARGETS, seeds=seeds, settings=settings)

    plain = attribute("gradcampp", classifier, images, TARGETS)
    torch.testing.assert_close(smooth([1, 2], noise=0.0, samples=3), plain, atol=1e-6, rtol=1e-4)
    noisy = smooth([1, 2], samples=3)
    assert not torch.allclose(noisy, plain, rtol=1e-3)
    assert not torch.allclose(noisy, smooth([1, 2], samples=3, noise=0.3), rtol=1e-3)
    other = smooth([1, 3], samples=3)
    assert torch.equal(noisy[0], other[0])
    assert not torch.equal(noisy[1], other[1])


@pytest.mark.parametrize("samples", [3, 9])
def test_noisy_copies_are_counted_once_each_however_they_are_grouped(
    monkeypatch: pytest.MonkeyPatch, samples: int
) -> None:
    classifier, images = network("vgg"), films(32, 32)
    noise = torch.randn(2, samples, 3, 32, 32, generator=torch.Generator().manual_seed(2))

    def moments() -> Any:
        return noisy_moments(classifier.module, "features.2", images, TARGETS, draw=lambda i: noise[i], noise=0.2)

    whole = moments()
    monkeypatch.setattr("study.explain.gradients.MOST_ROWS", 4)  # one image at a time, and only a part of its nine
    for ours, theirs in zip(moments(), whole, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5 * float(theirs.abs().max()), rtol=0)


PEERS = {
    "gradcampp": pytorch_grad_cam.GradCAMPlusPlus,
    "xgradcam": pytorch_grad_cam.XGradCAM,
    "layercam": pytorch_grad_cam.LayerCAM,
    "hirescam": pytorch_grad_cam.HiResCAM,
    "scorecam": pytorch_grad_cam.ScoreCAM,
    "eigencam": pytorch_grad_cam.EigenCAM,
}


def by_pytorch_grad_cam(name: str, classifier: Classifier, layer: str, images: Tensor, grid: Any = None) -> Tensor:
    """Its raw maps, before ReLU and scaling."""
    module = classifier.module.requires_grad_(True)
    chosen, classes = module.get_submodule(layer), [ClassifierOutputTarget(int(target)) for target in TARGETS]
    with pytorch_grad_cam.GradCAM(module, [chosen], reshape_transform=grid) as cam:
        cam(images, classes)
        store = cam.activations_and_grads
        activations, gradients = (t.detach().numpy() for t in (store.activations[0], store.gradients[0]))
    with PEERS[name](module, [chosen]) as cam:
        raw = cam.get_cam_image(images, chosen, classes, activations, gradients, False)
    module.requires_grad_(False)
    return torch.as_tensor(raw)


@pytest.mark.parametrize("kind", ["resnet", "vit"])
@pytest.mark.parametrize("name", PEERS)
def test_maps_are_those_of_pytorch_grad_cam(name: str, kind: str) -> None:
    classifier, images = network(kind), films(96, 64)

    def grid(tokens: Tensor) -> Tensor:
        return tokens[:, 1:].reshape(len(tokens), 6, 4, -1).permute(0, 3, 1, 2)

    layer = feature_layers(classifier.module)[-1]
    expected = by_pytorch_grad_cam(name, classifier, layer, images, grid if kind == "vit" else None)
    raw = attribute(name, classifier, images, TARGETS)
    assert raw.shape == ((2, 6, 4) if kind == "vit" else (2, 3, 2))
    if name == "eigencam":  # its sign is chance
        expected = signed(expected.flatten(1)).view_as(raw)
    torch.testing.assert_close(raw, expected, atol=2e-5 * float(expected.abs().max()), rtol=0)


@pytest.mark.parametrize("kind", ["vit", "resnet", "densenet", "vgg"])
@pytest.mark.parametrize("name", CAMS)
def test_layers_are_chosen_by_depth_or_by_name(name: str, kind: str) -> None:
    classifier, images = network(kind, (32, 48)), films(32, 48)
    shallow = feature_layers(classifier.module)[0]

    def maps(layer: int | str | None) -> Tensor:
        settings = {"layer": layer} | ({"samples": 2} if name == "smooth_gradcampp" else {})
        return attribute(name, classifier, images, TARGETS, settings=settings, seeds=[1, 2])

    assert torch.equal(maps(1), maps(shallow))
    deepest = maps(None)
    assert maps(1).shape[1] >= deepest.shape[1]
    assert not torch.equal(maps(1), deepest)


@pytest.mark.parametrize("name", CAMS)
def test_a_layer_without_activations_gives_a_map_of_zeros(name: str) -> None:
    classifier = classifier_of(Linear(GRADIENTS))
    settings = {"layer": "layer"}
    images = torch.zeros(1, 2, 2, 2)
    assert attribute(name, classifier, images, torch.tensor([1]), settings=settings, seeds=[1]).tolist() == [
        [[0.0, 0.0], [0.0, 0.0]]
    ]


@pytest.mark.parametrize("name", [name for name in CAMS if name not in ("eigencam", "scorecam")])
def test_a_layer_without_gradients_gives_a_map_of_zeros(name: str) -> None:
    classifier = classifier_of(Linear(torch.zeros(2, 2, 2)))
    raw = attribute(name, classifier, ACTIVATIONS[None], torch.tensor([1]), settings={"layer": "layer"}, seeds=[1])
    assert raw.abs().max() == 0


def test_a_dead_channel_gives_xgradcam_nothing_and_signed_channels_keep_their_sign() -> None:
    images = torch.stack((torch.zeros(2, 2), -ACTIVATIONS[0]))[None]
    raw = attribute(
        "xgradcam", classifier_of(Linear(GRADIENTS)), images, torch.tensor([0]), settings={"layer": "layer"}
    )
    weight = (2 * 2 - 2 * 3 + 4 * 4) / 10
    torch.testing.assert_close(raw[0], -weight * ACTIVATIONS[0], atol=1e-6, rtol=1e-6)


def test_channels_that_show_nothing_have_the_score_of_the_blank_film_which_is_asked_for_once() -> None:
    module = Linear(GRADIENTS)
    activations = torch.stack((ACTIVATIONS[0], torch.zeros(2, 2), torch.full((2, 2), 0.3)))[None].repeat(2, 1, 1, 1)
    scores = channel_scores(module, ACTIVATIONS.repeat(2, 1, 1, 1), torch.tensor([0, 1]), activations)
    torch.testing.assert_close(scores, torch.tensor([[20 / 3, 0, 0], [-20 / 3, 0, 0]]).double(), atol=1e-5, rtol=0)
    assert module.sizes == [1, 2]


@pytest.mark.parametrize(("max_bytes", "sizes"), [(1, [1] * 7), (4 * 3 * 4 * 4, [1, 4, 2]), (2**20, [1, 6])])
def test_channels_of_all_images_go_through_the_network_together_within_the_bound(
    max_bytes: int, sizes: list[int]
) -> None:
    module = Linear(GRADIENTS)
    draw = torch.Generator().manual_seed(5)
    images, activations = torch.randn(3, 2, 2, 2, generator=draw), torch.randn(3, 2, 1, 2, generator=draw)
    scores = channel_scores(module, images, torch.tensor([0, 1, 0]), activations, max_bytes=max_bytes)
    assert module.sizes == sizes
    # Aligned corners: with two columns and one row, each mask is 0 in one column and 1 in the other.
    shown = (activations == activations.amax(dim=3, keepdim=True)).float()  # [3, 2, 1, 2]
    by_column = (images * GRADIENTS).sum(dim=(1, 2)) * torch.tensor([1.0, -1.0, 1.0])[:, None]
    torch.testing.assert_close(scores.float(), (shown[:, :, 0] * by_column[:, None]).sum(dim=2))


@pytest.mark.parametrize("shape", [(3, 6, 20), (3, 20, 6), (3, 8, 8)])
def test_the_principal_direction_is_that_of_the_singular_value_decomposition(shape: tuple[int, ...]) -> None:
    centred = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    u, s, _ = torch.linalg.svd(centred, full_matrices=False)
    torch.testing.assert_close(signed(principal(centred)), signed(u[:, :, 0] * s[:, :1]))


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ([1.0, -3.0, 2.0], [-1.0, 3.0, -2.0]),
        ([-1.0, 3.0, -2.0], [-1.0, 3.0, -2.0]),
        ([-2.0, 2.00001, 0.0], [2.0, -2.00001, 0.0]),  # equally large: the first is positive
        ([2.0, -2.00001, 0.0], [2.0, -2.00001, 0.0]),
        ([0.0, 0.0, 0.0], [0.0, 0.0, 0.0]),
    ],
)
def test_the_sign_makes_the_first_of_the_largest_values_positive(row: list[float], expected: list[float]) -> None:
    assert torch.equal(signed(torch.tensor([row])), torch.tensor([expected]))


def test_eigencam_does_not_know_the_class_and_not_the_sign_of_the_features() -> None:
    classifier = classifier_of(Linear(GRADIENTS))
    images, settings = torch.stack((ACTIVATIONS, -ACTIVATIONS)), {"layer": "layer"}
    maps = attribute("eigencam", classifier, images, torch.tensor([0, 1]), settings=settings)
    torch.testing.assert_close(maps[0], maps[1])
