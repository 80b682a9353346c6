"""Relevance-CAM: by hand, its layers and its signs."""

import pytest
import torch
from torch import Tensor, nn

from study.errors import UnsupportedError
from study.explain import attribute, to_input_size
from study.explain.relevance import propagate
from study.records import Classifier


class Channels(nn.Module):
    """The image, doubled into two channels; the mean of each; two logits by these weights."""

    def __init__(self, weight: list[list[float]]) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv2d(1, 2, 1, bias=False), nn.Linear(2, len(weight))
        self.act = nn.ReLU(inplace=True)
        self.conv.weight.data = torch.tensor([1.0, -1.0]).view(2, 1, 1, 1)
        self.fc.weight.data = torch.tensor(weight)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.act(self.conv(x)).mean(dim=(2, 3)))
        return logits


def classifier_of(weight: list[list[float]]) -> Classifier:
    module = Channels(weight).eval().requires_grad_(False)
    classes = tuple("abc"[: len(weight)])
    return Classifier(module, "channels", "cnn", classes, 1, 2, 0.5, 0.25)


IMAGE = torch.tensor([[[[4.0, -2.0, 2.0]]]])
"""Channels behind the ReLU: (4, 0, 2) with mean 2, and (0, 2, 0) with mean 2 / 3."""

PLAIN = [[1.0, 0.0], [0.0, 1.0]]


def maps(classifier: Classifier, target: int, **settings: object) -> list[float]:
    raw = attribute("relevance_cam", classifier, IMAGE, torch.tensor([target]), settings={"layer": "act", **settings})
    assert raw.shape == (1, 1, 3)
    return raw.flatten().tolist()


def test_a_map_by_hand_with_the_start_of_the_authors_code() -> None:
    # Class 0 starts with 1 and takes channel 0, class 1 with -1 / 2 and channel 1; means over three places.
    assert maps(classifier_of(PLAIN), 0) == pytest.approx([4 / 3, -2 / 6, 2 / 3])
    assert maps(classifier_of(PLAIN), 1) == pytest.approx([-4 / 6, 2 / 3, -2 / 6])


def test_a_balanced_start_sums_to_nothing() -> None:
    assert maps(classifier_of(PLAIN), 0, balanced=True) == pytest.approx([4 / 3, -2 / 3, 2 / 3])
    three = classifier_of([*PLAIN, [0.0, 1.0]])
    assert maps(three, 0, balanced=True) == pytest.approx([4 / 3, -2 / 3, 2 / 3])
    assert maps(three, 0) == pytest.approx([4 / 3, -4 / 9, 2 / 3])


def test_where_all_weights_are_negative_the_map_keeps_its_sign_at_input_size() -> None:
    # Class 0 has no channel that speaks for it, so that only the other class is left.
    classifier = classifier_of([[0.0, 0.0], [1.0, 1.0]])
    raw = attribute("relevance_cam", classifier, IMAGE, torch.tensor([0]), settings={"layer": "act"})
    assert (raw < 0).all()
    assert torch.equal(to_input_size("relevance_cam", raw, (1, 3)), raw)


def test_a_relu_in_place_behind_a_layer_does_not_overwrite_it() -> None:
    classifier = classifier_of(PLAIN)
    found = propagate(classifier.module, "conv", IMAGE, torch.tensor([0]), others=lambda _: 0.0)
    assert found.activations.tolist() == [[[[4.0, -2.0, 2.0]], [[-4.0, 2.0, -2.0]]]]
    torch.testing.assert_close(found.relevance, torch.tensor([[[[2 / 3, 0.0, 1 / 3]], [[0.0, 0.0, 0.0]]]]))


def test_a_layer_that_no_class_depends_on_gives_zeros() -> None:
    class Beside(Channels):
        def forward(self, x: Tensor) -> Tensor:
            self.conv(x)
            logits: Tensor = self.fc(torch.cat((x, x), dim=1).mean(dim=(2, 3)))
            return logits

    module = Beside(PLAIN).eval().requires_grad_(False)
    classifier = Classifier(module, "beside", "cnn", ("a", "b"), 1, 2, 0.5, 0.25)
    raw = attribute("relevance_cam", classifier, IMAGE, torch.tensor([0]), settings={"layer": "conv"})
    assert raw.tolist() == [[[0.0, 0.0, 0.0]]]


def test_a_network_without_known_layers_asks_for_a_module() -> None:
    with pytest.raises(UnsupportedError, match="channels: no layout that is known here"):
        attribute("relevance_cam", classifier_of(PLAIN), IMAGE, torch.tensor([0]))
