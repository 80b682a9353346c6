"""Integrated gradients and SmoothGrad on functions whose integrals are known."""

import captum.attr
import pytest
import torch
from torch import Tensor, nn

from study.explain import attribute
from study.explain.gradients import MOST_ROWS, chunks, rows_at_a_time
from study.explain.integrated_gradients import completeness_gap, nodes, per_channel
from study.records import Classifier

TARGETS = torch.tensor([0, 1])


class Powers(nn.Module):
    """Logit 0 = sum of squares, logit 1 = sum of cubes; counts the images it sees."""

    seen = 0

    def forward(self, x: Tensor) -> Tensor:
        self.seen += len(x)
        return torch.stack((x.square().sum(dim=(1, 2, 3)), x.pow(3).sum(dim=(1, 2, 3))), dim=1)


def powers() -> Classifier:
    return Classifier(Powers(), "powers", "cnn", ("square", "cube"), 2, 4, 0.0, 1.0)


def films() -> Tensor:
    return torch.randn(2, 2, 4, 3, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("rule", ["gausslegendre", "midpoint", "trapezoid", "right"])
@pytest.mark.parametrize("steps", [2, 25])
def test_weights_of_every_rule_sum_to_one(rule: str, steps: int) -> None:
    places, weights = nodes(steps, rule)
    assert weights.sum().item() == pytest.approx(1.0, abs=1e-12)
    assert places.min() >= 0
    assert places.max() <= 1


def test_integrated_gradients_of_powers_are_the_powers_summed_over_channels() -> None:
    images = films()
    maps = attribute("integrated_gradients", powers(), images, TARGETS, settings={"steps": 2})
    torch.testing.assert_close(maps[0], images[0].square().sum(dim=0))
    torch.testing.assert_close(maps[1], images[1].pow(3).sum(dim=0))  # two Gauss points are exact up to cubes


@pytest.mark.parametrize(
    ("rule", "gap"),
    # Error of each rule for the integral of 3 a^2 with 4 points, worked out by hand.
    [("midpoint", -1 / 64), ("right", 3 * 30 / 64 - 1), ("trapezoid", 3 * (1 / 9 + 4 / 9 + 1 / 2) / 3 - 1)],
)
def test_the_completeness_gap_is_the_error_of_the_rule(rule: str, gap: float) -> None:
    images = torch.ones(1, 1, 1, 1)
    target = torch.tensor([1])
    maps = attribute("integrated_gradients", powers(), images, target, settings={"steps": 4, "rule": rule})
    assert completeness_gap(powers(), images, target, maps).item() == pytest.approx(gap, abs=1e-6)


def test_steps_and_images_go_through_the_network_together_and_only_once() -> None:
    classifier = powers()
    per_channel(classifier, films(), TARGETS, steps=25, rule="midpoint")
    assert classifier.module.seen == 50


def test_smoothgrad_of_a_square_is_twice_the_image_without_sign_up_to_the_mean_of_the_noise() -> None:
    images = films()[:1]
    clean = attribute("smoothgrad", powers(), images, TARGETS[:1], settings={"noise": 0.0}, seeds=[1])
    torch.testing.assert_close(clean, (2 * images).sum(dim=1).abs())
    noisy = attribute("smoothgrad", powers(), images, TARGETS[:1], settings={"samples": 2000}, seeds=[1])
    spread = 2 * 0.15 * float(images.max() - images.min()) * (2 / 2000) ** 0.5
    assert 0 < (noisy - clean).abs().max() < 5 * spread


def test_noise_follows_the_range_of_each_image() -> None:
    images = films()[:1]
    target = TARGETS[:1]
    once = attribute("smoothgrad", powers(), images, target, seeds=[4])
    scaled = attribute("smoothgrad", powers(), 1000 * images, target, seeds=[4])
    torch.testing.assert_close(scaled, 1000 * once, rtol=1e-5, atol=0)


def test_the_noise_of_an_image_depends_on_its_seed_only() -> None:
    images = films()
    both = attribute("smoothgrad", powers(), images, TARGETS, seeds=[4, 9])
    second = attribute("smoothgrad", powers(), images[1:], TARGETS[1:], seeds=[9])
    assert torch.equal(both[1:], second)


@pytest.mark.parametrize("size", [(8, 8), (224, 224), (3000, 3000)])
def test_chunks_cover_all_images_once_and_shrink_with_their_size(size: tuple[int, int]) -> None:
    covered = [index for here in chunks(300, size) for index in range(here.start, here.stop)]
    assert covered == list(range(300))
    assert 1 <= rows_at_a_time(size) <= MOST_ROWS


def test_integrated_gradients_are_those_of_captum() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(2, 4, 3), nn.GELU(), nn.Flatten(), nn.LazyLinear(2)).eval()
    images = films()
    network(images)
    theirs = captum.attr.IntegratedGradients(network).attribute(
        images, target=TARGETS, n_steps=25, method="gausslegendre"
    )
    classifier = Classifier(network, "conv", "cnn", ("a", "b"), 2, 4, 0.0, 1.0)
    ours = attribute("integrated_gradients", classifier, images, TARGETS, settings={"steps": 25})
    torch.testing.assert_close(ours, theirs.sum(dim=1).float(), atol=1e-5, rtol=1e-4)
