"""Controls, resizing and storing of maps, and the door to all methods."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from study.errors import UnsupportedError
from study.explain import attribute, pack, to_input_size, unpack
from study.records import Classifier
from study.registry import ATTRIBUTIONS

BLIND = Classifier(nn.Identity(), "blind", "cnn", ("a",), 1, 4, 0.0, 1.0)
IMAGES = torch.zeros(2, 1, 4, 6)
TARGETS = torch.zeros(2, dtype=torch.int64)


def test_fake_cam_is_ones_but_for_the_top_left_pixel() -> None:
    maps = attribute("control_fakecam", BLIND, IMAGES, TARGETS)
    assert maps[:, 0, 0].tolist() == [0.0, 0.0]
    assert maps.sum().item() == 2 * (4 * 6 - 1)


def test_the_centre_prior_falls_off_in_half_widths() -> None:
    hill = attribute("control_center", BLIND, IMAGES, TARGETS, settings={"sigma": 0.5})[0]
    # Top left pixel: centres at 3/4 of the half-height and 5/6 of the half-width.
    assert hill[0, 0].item() == pytest.approx(math.exp(-((3 / 4) ** 2 + (5 / 6) ** 2) / (2 * 0.25)))
    assert torch.equal(hill, hill.flip(0))
    assert torch.equal(hill, hill.flip(1))
    assert hill.argmax().item() in (1 * 6 + 2, 1 * 6 + 3, 2 * 6 + 2, 2 * 6 + 3)


def test_random_maps_are_uniform_and_independent() -> None:
    images = torch.zeros(2, 1, 100, 100)
    maps = attribute("control_random", BLIND, images, TARGETS, seeds=[1, 2])
    assert maps.min() >= 0
    assert maps.max() < 1
    assert maps.mean().item() == pytest.approx(0.5, abs=0.01)
    assert torch.corrcoef(maps.flatten(1))[0, 1].abs() < 0.03


def test_cams_are_cut_before_they_are_enlarged_and_gradients_keep_their_sign() -> None:
    raw = torch.tensor([[[-9.0, 1.0]]])
    # Half-pixel centres: the outer columns are the values, the inner ones lie a quarter of the way in.
    assert to_input_size("gradcam", raw, (1, 4)).tolist() == [[[0.0, 0.25, 0.75, 1.0]]]
    assert to_input_size("integrated_gradients", raw, (1, 4)).tolist() == [[[-9.0, -6.5, -1.5, 1.0]]]


def test_a_map_of_input_size_is_copied() -> None:
    raw = torch.tensor([[[1.0, 2.0]]])
    same = to_input_size("smoothgrad", raw, (1, 2))
    same[0] = 0
    assert raw.tolist() == [[[1.0, 2.0]]]


def test_packing_keeps_small_gradients_zeros_and_nan() -> None:
    raw = torch.tensor([[[1e-12, -3e-13]], [[0.0, 0.0]], [[5e6, 1.0]], [[math.nan, 4.0]]])
    values, scale = pack(raw)
    assert (values.dtype, scale.dtype) == (np.float16, np.float32)
    # Half precision next to the largest value, 5e6 / 2^25 = 0.15.
    torch.testing.assert_close(unpack(values, scale), raw, rtol=1e-3, atol=0.15, equal_nan=True)
    torch.testing.assert_close(unpack(values, scale)[0], raw[0], rtol=1e-3, atol=0)
    assert scale.tolist()[1] == 1.0


def test_packing_and_unpacking_no_maps_gives_no_maps() -> None:
    assert unpack(*pack(torch.zeros(0, 4, 4))).shape == (0, 4, 4)


def test_an_unknown_method_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(UnsupportedError, match="'gradcan' is not a known attribution; did you mean 'gradcam'"):
        attribute("gradcan", BLIND, IMAGES, TARGETS)


def test_an_unknown_parameter_is_answered_with_the_known_ones() -> None:
    message = "'step' is not a known parameter of integrated_gradients; did you mean 'steps'"
    with pytest.raises(UnsupportedError, match=message):
        attribute("integrated_gradients", BLIND, IMAGES, TARGETS, settings={"step": 3})


def test_a_method_that_is_not_defined_for_a_family_says_for_which_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = ATTRIBUTIONS["gradcam"]
    monkeypatch.setitem(ATTRIBUTIONS._entries, "gradcam", type(entry)(entry.path, entry.title, families=("vit",)))
    with pytest.raises(UnsupportedError, match=r"gradcam is not defined for blind \(family 'cnn'\); it is for: vit"):
        attribute("gradcam", BLIND, IMAGES, TARGETS)
