"""Saliency, input times gradient and the edges of the film, on functions one can differentiate by hand."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor, nn

from study.explain import attribute, attribute_many, pack, unpack
from study.explain.attribute import Request
from study.explain.integrated_gradients import completeness_gap
from study.records import Classifier


class Weighted(nn.Module):
    """Logit 0 is a weighted sum of the pixels, logit 1 half the sum of their squares; counts its calls."""

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.weights = weights
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return torch.stack(((x * self.weights).sum(dim=(1, 2, 3)), x.square().sum(dim=(1, 2, 3)) / 2), dim=1)


def classifier_of(weights: Tensor) -> Classifier:
    return Classifier(Weighted(weights), "weighted", "cnn", ("line", "square"), len(weights), 2, 0.0, 1.0)


WEIGHTS = torch.tensor([[[1.0, -2.0, 0.0]], [[3.0, -1.0, 0.0]], [[-4.0, 1.0, 0.0]]])  # [3, 1, 3]
FILM = torch.tensor([[[[2.0, 1.0, 5.0]], [[1.0, 2.0, 5.0]], [[0.5, -1.0, 5.0]]]])  # [1, 3, 1, 3]


def test_saliency_sums_channels_before_it_forgets_the_sign() -> None:
    maps = attribute("saliency", classifier_of(WEIGHTS), FILM, torch.tensor([0]))
    assert maps.tolist() == [[[0.0, 2.0, 0.0]]]  # 1 + 3 - 4, |-2 - 1 + 1|, 0


def test_input_times_gradient_keeps_the_sign() -> None:
    maps = attribute("input_x_gradient", classifier_of(WEIGHTS), FILM, torch.tensor([0]))
    assert maps.tolist() == [[[3.0, -5.0, 0.0]]]  # 2 + 3 - 2, -2 - 2 - 1, 0
    squares = attribute("input_x_gradient", classifier_of(WEIGHTS), FILM, torch.tensor([1]))
    torch.testing.assert_close(squares, FILM.square().sum(dim=1))


@pytest.mark.parametrize("name", ["saliency", "input_x_gradient"])
def test_a_grey_film_in_three_channels_has_the_map_of_one(name: str) -> None:
    grey = FILM[:, :1]
    three = attribute(name, classifier_of(WEIGHTS), grey.repeat(1, 3, 1, 1), torch.tensor([0]))
    one = attribute(name, classifier_of(WEIGHTS.sum(dim=0, keepdim=True)), grey, torch.tensor([0]))
    torch.testing.assert_close(three, one)


def test_both_gradient_methods_ask_the_network_once() -> None:
    classifier = classifier_of(WEIGHTS)
    maps = attribute_many([Request("saliency"), Request("input_x_gradient")], classifier, FILM, torch.tensor([0]))
    assert classifier.module.calls == 1
    assert [one.tolist() for one in maps] == [[[[0.0, 2.0, 0.0]]], [[[3.0, -5.0, 0.0]]]]


def test_the_completeness_gap_can_be_taken_of_stored_maps() -> None:
    images = torch.randn(4, 3, 9, 7, generator=torch.Generator().manual_seed(2))
    classifier, targets = classifier_of(torch.ones(3, 9, 7)), torch.ones(4, dtype=torch.int64)
    maps = attribute("integrated_gradients", classifier, images, targets, settings={"steps": 2})
    assert completeness_gap(classifier, images, targets, maps).abs().max() < 1e-4
    stored = unpack(*pack(maps))
    gap = completeness_gap(classifier, images, targets, stored)
    torch.testing.assert_close(gap, (stored.double() - maps.double()).sum(dim=(1, 2)), atol=1e-4, rtol=0)
    assert (gap.abs() <= 5e-4 * maps.abs().sum(dim=(1, 2))).all()


def edges(images: Tensor) -> Tensor:
    return attribute("control_edges", classifier_of(WEIGHTS), images, torch.zeros(len(images), dtype=torch.int64))


def test_an_upright_edge_is_four_steps_high_on_both_its_sides() -> None:
    film = torch.zeros(1, 1, 3, 4)
    film[..., 2:] = 0.5
    assert edges(film).tolist() == [[[0.0, 2.0, 2.0, 0.0]] * 3]


def test_edges_are_the_sobel_magnitude_of_the_channel_mean_with_mirrored_borders() -> None:
    images = torch.randn(2, 3, 7, 5, generator=torch.Generator().manual_seed(0))
    films = images.mean(dim=1).numpy()
    expected = [np.hypot(*(ndimage.sobel(film, axis=axis, mode="mirror") for axis in (0, 1))) for film in films]
    np.testing.assert_allclose(edges(images), np.stack(expected), atol=1e-5)


def test_a_constant_film_has_no_edges_at_all() -> None:
    assert not edges(torch.full((1, 3, 5, 4), 0.3)).any()
