"""The information bottleneck: its parts by hand, and networks of which one knows what they need."""

import gc
import math
from collections.abc import Iterator

import numpy as np
import pytest
import timm
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from study.errors import UnsupportedError
from study.explain import attribute
from study.explain import iba as station
from study.explain.iba import Statistics, blurred, bottleneck, bottleneck_layer, feature_statistics, information
from study.records import Classifier


class LeftHalf(nn.Module):
    """Two logits: the sum of the left half of the film's one channel, and its negative."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Identity()
        self.seen = 0

    def forward(self, x: Tensor) -> Tensor:
        self.seen += len(x)
        x = self.layer(x)
        evidence = x[..., : x.shape[-1] // 2].sum(dim=(1, 2, 3))
        return torch.stack((evidence, -evidence), dim=1)


def classifier_of(module: nn.Module, family: str = "cnn") -> Classifier:
    return Classifier(module.eval().requires_grad_(False), "net", family, ("a", "b"), 1, 8, 0.0, 1.0)


def films(count: int, *size: int) -> Tensor:
    return torch.randn(count, 1, *size, generator=torch.Generator().manual_seed(3))


def explained(classifier: Classifier, images: Tensor, **settings: object) -> Tensor:
    targets = torch.zeros(len(images), dtype=torch.int64)
    known = films(50, *images.shape[-2:])
    return attribute(
        "iba",
        classifier,
        images,
        targets,
        settings=settings,
        seeds=range(len(images)),
        references=lambda: iter(known.split(20)),
    )


def vit(**options: object) -> Classifier:
    torch.manual_seed(5)
    common = {"img_size": 16, "patch_size": 4, "in_chans": 1, "num_classes": 2, "embed_dim": 8, "num_heads": 2}
    return classifier_of(VisionTransformer(**{**common, "depth": 2, **options}), "vit")


@pytest.mark.parametrize("size", [(7, 5), (3, 3), (2, 6), (1, 4), (1, 1)])
def test_the_blur_is_a_normalised_gaussian_with_mirrored_borders(size: tuple[int, int]) -> None:
    maps = films(2, *size).double()
    kernel = torch.exp(-(torch.arange(-2, 3).double() ** 2) / 2)
    kernel = torch.outer(kernel, kernel) / kernel.sum() ** 2
    padded = np.pad(maps.numpy(), ((0, 0), (0, 0), (2, 2), (2, 2)), mode="reflect")
    torch.testing.assert_close(blurred(maps), F.conv2d(torch.from_numpy(padded), kernel[None, None]))


def test_information_is_the_divergence_from_the_noise_in_nats() -> None:
    kept = torch.tensor([0.0, 0.5, 0.5, 0.9])
    standardised = torch.tensor([7.0, 0.0, 2.0, 1.0])
    # 0.5 * (kept^2 r^2 + lost^2 - 1) - ln(lost), worked out term by term.
    expected = [0.0, -0.375 + math.log(2), 0.125 + math.log(2), 0.5 * (0.81 + 0.01 - 1) + math.log(10)]
    torch.testing.assert_close(information(kept, 1 - kept, standardised), torch.tensor(expected))
    assert information(torch.ones(1), torch.zeros(1), torch.ones(1)).isfinite().all()


def test_only_what_the_class_is_read_from_passes() -> None:
    images = torch.full((3, 1, 8, 12), 0.5) + 0.1 * films(3, 8, 12)
    maps = explained(classifier_of(LeftHalf()), images, layer="layer", beta=1.0, steps=30)
    # The blur reaches two places across the middle.
    left, right = maps[..., :4].mean(dim=(1, 2)), maps[..., 8:].mean(dim=(1, 2))
    assert (left > 10 * right).all()
    assert maps.min() >= 0


def test_less_passes_the_more_it_costs() -> None:
    totals = [
        explained(classifier_of(LeftHalf()), films(2, 6, 6), layer="layer", beta=beta).sum()
        for beta in (0.1, 1.0, 10.0)
    ]
    assert totals[0] > totals[1] > totals[2] > 0


def test_a_free_passage_stays_finite_when_nothing_is_lost_any_more() -> None:
    assert (
        explained(classifier_of(LeftHalf()), films(1, 4, 4), layer="layer", beta=0.0, steps=150, samples=1)
        .isfinite()
        .all()
    )


def test_the_capacity_is_that_of_the_last_forward_pass() -> None:
    """After one step no update has been made: alpha is 5 everywhere, and the blur keeps constants."""
    film = films(1, 4, 4)
    known = Statistics(torch.full((1, 4, 4), 0.5), torch.full((1, 4, 4), 0.001), torch.ones(1, 4, 4).bool(), 2)
    passed = bottleneck(LeftHalf(), "layer", film, torch.tensor([0]), statistics=known, noise=_none, beta=2.0, steps=1)
    kept = 1 / (1 + math.exp(-5))
    r = (film - 0.5) / 0.01  # the floor of the standard deviation
    expected = 0.5 * (kept**2 * r**2 + (1 - kept) ** 2 - 1) - math.log(1 - kept)
    torch.testing.assert_close(passed.capacity, expected, rtol=1e-4, atol=1e-4)
    mixed = (kept * film + (1 - kept) * 0.5)[..., :2].sum()
    loss = F.softplus(-2 * mixed) + 2.0 * expected.mean()
    torch.testing.assert_close(passed.losses, loss.view(1, 1), rtol=1e-4, atol=1e-4)


def test_of_several_findings_the_cross_entropy_is_that_of_the_targets_own_probability() -> None:
    film = films(2, 4, 4)
    known = Statistics(torch.zeros(1, 4, 4), torch.ones(1, 4, 4), torch.ones(1, 4, 4).bool(), 2)
    form = {"statistics": known, "noise": _none, "beta": 0.0, "steps": 1}
    passed = bottleneck(LeftHalf(), "layer", film, torch.tensor([0, 1]), outputs="sigmoid", **form)
    evidence = (film[..., :2].sum(dim=(1, 2, 3)) / (1 + math.exp(-5))) * torch.tensor([1.0, -1.0])
    torch.testing.assert_close(passed.losses[:, 0], F.softplus(-evidence), rtol=1e-4, atol=1e-4)
    exclusive = bottleneck(LeftHalf(), "layer", film, torch.tensor([0, 1]), **form)
    torch.testing.assert_close(exclusive.losses[:, 0], F.softplus(-2 * evidence), rtol=1e-4, atol=1e-4)


def test_elements_that_are_hardly_ever_active_are_set_to_zero_and_carry_nothing() -> None:
    active = torch.ones(1, 4, 4).bool()
    active[..., 0] = False
    known = Statistics(torch.zeros(1, 4, 4), torch.ones(1, 4, 4), active, 2)
    passed = bottleneck(
        LeftHalf(), "layer", films(2, 4, 4), torch.tensor([0, 0]), statistics=known, noise=_none, beta=1.0, steps=3
    )
    assert not passed.capacity[..., 0].any()
    assert passed.capacity[..., 1:].all()


def test_statistics_do_not_depend_on_how_films_are_cut() -> None:
    known = 5 + films(50, 3, 4)
    for pieces in (known.split(50), known.split(7), known.split(1)):
        found = feature_statistics(classifier_of(LeftHalf()), "layer", lambda pieces=pieces: iter(pieces), (1, 3, 4))
        torch.testing.assert_close(found.mean, known.mean(dim=0))
        torch.testing.assert_close(found.sd, known.std(dim=0))
        assert found.n == 50


def test_an_element_is_active_above_one_film_in_a_hundred() -> None:
    known = torch.zeros(100, 1, 2, 2)
    known[0, 0, 0, 0] = known[:2, 0, 1, 1] = 1.0
    found = feature_statistics(classifier_of(LeftHalf()), "layer", lambda: iter(known.split(9)), (1, 2, 2))
    assert found.active.tolist() == [[[False, False], [False, True]]]


def test_films_of_training_are_read_once_for_a_model_and_forgotten_with_it() -> None:
    reads: list[int] = []

    def references() -> Iterator[Tensor]:
        reads.append(1)
        return iter([films(4, 4, 4)])

    before = len(station._KNOWN)
    classifier = classifier_of(LeftHalf())
    first = feature_statistics(classifier, "layer", references, (1, 4, 4))
    assert feature_statistics(classifier, "layer", references, (1, 4, 4)) is first
    assert len(reads) == 1
    assert len(station._KNOWN) == before + 1
    del classifier
    gc.collect()
    assert len(station._KNOWN) == before


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_films_of_training_are_refused(count: int) -> None:
    with pytest.raises(UnsupportedError, match=f"needs 2 or more films that the model was trained on.* found {count}"):
        feature_statistics(classifier_of(LeftHalf()), "layer", lambda: iter(films(count, 4, 4).split(1)), (1, 4, 4))


def test_films_of_another_size_are_refused() -> None:
    with pytest.raises(UnsupportedError, match=r"films are \(1, 4, 6\), those to compare with are \(1, 4, 4\)"):
        feature_statistics(classifier_of(LeftHalf()), "layer", lambda: iter([films(3, 4, 4)]), (1, 4, 6))


@pytest.mark.parametrize("settings", [{"steps": 0}, {"samples": 0}])
def test_no_steps_or_samples_are_refused(settings: dict[str, int]) -> None:
    with pytest.raises(UnsupportedError, match="at least 1 step and 1 sample"):
        explained(classifier_of(LeftHalf()), films(1, 4, 4), layer="layer", **settings)


def test_a_layer_that_runs_twice_is_refused_and_leaves_no_hook() -> None:
    class Twice(LeftHalf):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(self.layer(x))

    classifier = classifier_of(Twice())
    with pytest.raises(UnsupportedError, match="module 'layer' runs 2 times in a forward pass; it must run once"):
        explained(classifier, films(1, 4, 4), layer="layer")
    assert not classifier.module.layer._forward_hooks


@pytest.mark.parametrize(
    ("name", "layer", "expected"),
    [
        ("resnet18", None, "layer2"),
        ("densenet121", None, "features.transition2.norm"),
        ("vgg16", None, "features.16"),  # the third pooling, in front of conv4_1
        ("vit_tiny_patch16_224", None, "blocks.5"),
        ("vit_tiny_patch16_224", 12, "blocks.11"),
        ("vit_tiny_patch16_224", "blocks.3.norm1", "blocks.3.norm1"),
        ("resnet18", 1, "layer1"),
    ],
)
def test_the_middle_layer_is_restricted_unless_another_is_named(name: str, layer: int | str, expected: str) -> None:
    with torch.device("meta"):
        module = timm.create_model(name)
    assert bottleneck_layer(classifier_of(module), layer) == expected


def test_the_network_before_a_known_layer_sees_every_film_once_per_pass() -> None:
    torch.manual_seed(0)
    module = timm.create_model("resnet18", in_chans=1, num_classes=2)
    seen: list[int] = []
    module.conv1.register_forward_hook(lambda _module, _inputs, output: seen.append(len(output)))
    explained(classifier_of(module), films(2, 16, 16), samples=3, steps=2)
    assert seen[-3:] == [2, 2, 2]  # features, then two steps


@pytest.mark.parametrize("layer", ["blocks.0.mlp", "blocks.1.norm1", "blocks.1"])
def test_a_layer_with_a_way_around_it_is_restricted_film_by_film(layer: str) -> None:
    classifier, images = vit(), films(3, 16, 16)
    together = explained(classifier, images, layer=layer, samples=2, steps=3)
    first = explained(classifier, images[:1], layer=layer, samples=2, steps=3)
    assert together.shape == (3, 4, 4)
    torch.testing.assert_close(together[:1], first, rtol=1e-4, atol=1e-4)


def test_the_class_token_of_a_transformer_passes_untouched() -> None:
    """Behind the last block nothing but the class token is read, so the cross entropy is that of the film."""
    classifier, images, targets = vit(reg_tokens=2), films(2, 16, 16), torch.tensor([0, 1])
    known = feature_statistics(classifier, "blocks.1", lambda: iter([films(9, 16, 16)]), (1, 16, 16))
    assert known.mean.shape == (8, 4, 4)
    copies = torch.zeros(1, 3, 1, 1, 1)
    passed = bottleneck(
        classifier.module, "blocks.1", images, targets, statistics=known, noise=lambda _: copies, beta=0.5, steps=3
    )
    spent = passed.losses[:, -1] - 0.5 * passed.capacity.mean(dim=(1, 2, 3))
    expected = F.cross_entropy(classifier.module(images), targets, reduction="none")
    torch.testing.assert_close(spent, expected, rtol=1e-5, atol=1e-5)


def test_films_are_restricted_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    classifier, images = classifier_of(LeftHalf()), films(5, 4, 4)
    whole = explained(classifier, images, layer="layer", samples=2, steps=3)
    monkeypatch.setattr(station, "rows_at_a_time", lambda size: 4)
    torch.testing.assert_close(explained(classifier, images, layer="layer", samples=2, steps=3), whole)


def _none(_step: int) -> Tensor:
    """No noise, one copy."""
    return torch.zeros(1, 1, 1, 1, 1)
