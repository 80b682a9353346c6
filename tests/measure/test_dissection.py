"""Network dissection on activations that can be worked out by hand."""

import json
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from study.errors import UnsupportedError
from study.measure.dissection import Dissection, dissect, resampled
from study.measure.units import overlaps, top_quantiles, upsampled

NAMES = ("bone", "lung", "letter")


def streamed(maps: Tensor, at_a_time: int = 2) -> Callable[[], Iterator[Tensor]]:
    return lambda: iter(maps.split(at_a_time))


def quadrants(count: int = 4, side: int = 4) -> NDArray[np.uint8]:
    """Top left bone, top right lung, bottom left letter in even images only, bottom right nothing."""
    parts = np.zeros((count, side, side), dtype=np.uint8)
    half = side // 2
    parts[:, :half, :half], parts[:, :half, half:] = 1, 2
    parts[::2, half:, :half] = 3
    return parts


def maps_of(*regions: NDArray[np.bool_]) -> Tensor:
    """Units that are 1 inside a region [N, H, W] and 0 elsewhere, at the size of the labels."""
    return torch.from_numpy(np.stack(regions, axis=1).astype(np.float32))


def dissected(maps: Tensor, parts: NDArray[Any], **settings: Any) -> Dissection:
    """At thresholds of 0.5 unless told."""
    levels = {"thresholds": torch.full((maps.shape[1],), 0.5)}
    return dissect(streamed(maps), parts, NAMES, **(levels | settings))


def test_a_unit_that_is_a_concept_detects_it() -> None:
    parts = quadrants()
    found = dissected(maps_of(parts == 2, parts == 3, parts == 2), parts)
    assert found.concepts.tolist() == [1, 2, 1]
    assert found.iou.tolist() == [1.0, 1.0, 1.0]
    assert found.detected == {"lung": 2, "letter": 1}
    assert (found.n_detectors, found.n_unique) == (3.0, 2.0)


def test_the_union_counts_a_unit_only_in_images_of_the_category() -> None:
    # the unit covers the bottom left quarter of all four images, the letter is there in two: 8 of 16 pixels
    parts = quadrants()
    corner = np.zeros_like(parts, dtype=bool)
    corner[:, 2:, :2] = True
    assert dissected(maps_of(corner), parts).iou.tolist() == [0.5]
    apart = dissected(maps_of(corner), parts, categories={"letter": "text"})
    assert apart.iou.tolist() == [1.0]
    together = dissected(maps_of(corner), parts, categories={"letter": "text", "bone": "text"})
    assert together.iou.tolist() == [0.5]


def test_images_that_hold_the_category_count_also_where_the_unit_misses_it() -> None:
    # top row of every image: 2 x 2 of the bone's 4 pixels and 2 of the lung's; union 4 + 4 - 2
    parts = quadrants()
    row = np.zeros_like(parts, dtype=bool)
    row[:, 0] = True
    found = dissected(maps_of(row), parts)
    assert found.concepts.tolist() == [0], "the first of equals"
    assert found.iou.tolist() == [pytest.approx(2 / 6)]
    nowhere = np.zeros_like(parts, dtype=bool)
    nowhere[1, 3, :] = nowhere[0, 2, 0] = True  # one letter pixel; four more in an image without a letter
    assert dissected(maps_of(nowhere), parts).iou.tolist() == [pytest.approx(1 / (5 + 8 - 1))]


def test_a_detector_has_more_than_the_least_iou() -> None:
    parts = quadrants()
    unit = maps_of(parts == 1)
    assert dissected(unit, parts, min_iou=1.0).n_detectors == 0.0
    assert dissected(unit, parts, min_iou=0.999).n_detectors == 1.0


def test_the_threshold_is_the_exact_quantile_however_the_images_come() -> None:
    maps = torch.randn(7, 3, 5, 6, generator=torch.Generator().manual_seed(0))
    for share in (0.005, 0.1, 0.5, 0.9):
        expected = np.quantile(maps.transpose(0, 1).flatten(1).numpy(), 1 - share, axis=1)
        for at_a_time in (1, 3, 7):
            found = top_quantiles(maps.split(at_a_time), n_images=7, quantile=share)
            np.testing.assert_allclose(found, expected, atol=1e-6)


def test_what_is_kept_does_not_grow_beyond_the_top(monkeypatch: pytest.MonkeyPatch) -> None:
    longest: list[int] = []
    concatenate = torch.cat

    def watched(tensors: list[Tensor], dim: int) -> Tensor:
        longest.append(sum(tensor.shape[dim] for tensor in tensors))
        return concatenate(tensors, dim=dim)

    monkeypatch.setattr(torch, "cat", watched)
    top_quantiles(torch.rand(400, 2, 8, 8).split(50), n_images=400, quantile=0.005)
    assert max(longest) < 2 * (0.005 * 400 * 64 + 2) + 64


def test_upsampling_is_bilinear_and_keeps_plateaus() -> None:
    maps = torch.randn(3, 5, 7, generator=torch.Generator().manual_seed(0))
    expected = torch.nn.functional.interpolate(maps[None], (31, 20), mode="bilinear")[0]
    torch.testing.assert_close(upsampled(maps, (31, 20)), expected)
    assert torch.equal(upsampled(maps, (5, 7)), maps)
    level = torch.full((1, 5, 5), 0.1) * 0.37
    assert not (upsampled(level, (31, 31)) > level.max()).any()
    rounded = torch.nn.functional.interpolate(level[None], (31, 31), mode="bilinear")[0]
    assert (rounded > level.max()).any(), "the reason for an interpolation of our own"


def test_memory_is_bounded_by_bytes_and_cannot_change_a_count() -> None:
    maps = torch.rand(9, 4, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(100).view(10, 10) % 4
    levels = torch.full((9,), 0.6)
    whole = overlaps(maps, labels, levels, n_labels=4, max_bytes=2**20)
    assert torch.equal(whole, overlaps(maps, labels, levels, n_labels=4, max_bytes=1))
    above = torch.nn.functional.interpolate(maps[None], (10, 10), mode="bilinear")[0] > 0.6
    assert whole.tolist() == [[int((unit & (labels == k)).sum()) for k in range(4)] for unit in above]


def test_a_pixel_at_the_threshold_is_not_above_it() -> None:
    maps = torch.tensor([[[0.5, 0.5], [1.0, 0.0]]])
    labels = torch.tensor([[0, 1], [1, 1]])
    for level, above in ((0.5, [[0, 1]]), (1.0, [[0, 0]]), (0.0, [[1, 2]])):
        assert overlaps(maps, labels, torch.tensor([level]), n_labels=2, max_bytes=2**20).tolist() == above


def test_chunks_of_images_do_not_matter() -> None:
    maps = torch.rand(6, 5, 3, 3, generator=torch.Generator().manual_seed(0))
    parts = np.random.default_rng(0).integers(0, 4, (6, 9, 12)).astype(np.uint8)
    one, all_ = (dissect(streamed(maps, size), parts, NAMES, quantile=0.2) for size in (1, 6))
    assert torch.equal(one.iou, all_.iou)
    assert torch.equal(one.thresholds, all_.thresholds)
    assert one.iou.min() > 0


def test_a_dead_unit_detects_nothing() -> None:
    maps = torch.full((4, 2, 3, 3), 0.1) * 0.37
    maps[:, 1] = 0
    found = dissect(streamed(maps), quadrants(side=31), NAMES)
    assert found.concepts.tolist() == [-1, -1]
    assert found.iou.tolist() == [0.0, 0.0]
    assert (found.n_detectors, found.n_unique, found.detected) == (0.0, 0.0, {})


def test_plain_data_say_of_every_unit_what_it_detects() -> None:
    parts = quadrants()
    found = dissected(maps_of(parts == 2, parts > 9), parts)
    assert json.loads(json.dumps(found.as_dict())) == {
        "n_units": 2,
        "n_detectors": 1.0,
        "n_unique_detectors": 1.0,
        "detected": {"lung": 1},
        "concepts": {"bone": True, "lung": True, "letter": True},
        "units": {"concept": ["lung", None], "iou": [1.0, 0.0], "threshold": [0.5, 0.5]},
    }


def test_a_concept_that_is_in_no_image_is_not_detected() -> None:
    parts = quadrants()
    parts[parts == 3] = 0
    corner = np.zeros_like(parts, dtype=bool)
    corner[:, 2:, :2] = True
    found = dissected(maps_of(corner, parts == 1), parts, categories={"letter": "text"})
    assert found.present.tolist() == [True, True, False]
    assert found.concepts.tolist() == [-1, 0]
    assert found.iou.tolist() == [0.0, 1.0]


def test_without_any_concept_in_the_images_nothing_is_defined() -> None:
    parts = np.zeros((4, 4, 4), dtype=np.uint8)
    found = dissected(maps_of(parts == 0), parts)
    assert math.isnan(found.iou.item())
    assert math.isnan(found.n_unique)
    assert math.isnan(found.n_detectors)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_unit_with_values_that_are_not_finite_is_undefined_and_the_others_are_not(value: float) -> None:
    parts = quadrants()
    maps = maps_of(parts == 1, parts == 2)
    maps[3, 1, 0, 0] = value
    for found in (dissected(maps, parts), dissect(streamed(maps), parts, NAMES, quantile=0.3)):
        assert found.thresholds.isnan().tolist() == [False, True]
        assert found.iou.isnan().tolist() == [False, True]
        assert found.concepts.tolist() == [0, -1]
        assert (found.n_detectors, found.n_unique) == (1.0, 1.0)
    maps[:] = value
    assert math.isnan(dissect(streamed(maps), parts, NAMES).n_unique)


def test_resamples_count_an_image_as_often_as_it_was_drawn() -> None:
    maps = torch.rand(6, 8, 3, 3, generator=torch.Generator().manual_seed(1))
    parts = np.random.default_rng(1).integers(0, 4, (6, 9, 9)).astype(np.uint8)
    parts[1:][parts[1:] == 3] = 0  # the letter is in the first image only
    draws = resampled(tuple("aabbcc"), 20, torch.Generator().manual_seed(2))
    found = dissect(streamed(maps), parts, NAMES, quantile=0.1, min_iou=0.06, resamples=draws)
    for draw, unique in zip(draws, found.unique_resamples.tolist(), strict=True):
        rows = torch.arange(6).repeat_interleave(draw)
        again = dissect(streamed(maps[rows]), parts[rows], NAMES, min_iou=0.06, thresholds=found.thresholds)
        assert again.n_unique == unique
    assert len(set(found.unique_resamples.tolist())) > 1


def test_whole_patients_are_drawn() -> None:
    draws = resampled(("p", "q", "p", "r"), 300, torch.Generator().manual_seed(0))
    assert torch.equal(draws[:, 0], draws[:, 2])
    assert (draws[:, [0, 1, 3]].sum(dim=1) == 3).all()
    assert draws[:, 1].double().mean() == pytest.approx(1, abs=0.1)


def test_a_model_that_looks_at_every_concept_has_more_unique_detectors() -> None:
    """Units of one network follow different parts, those of the other only the letter, with noise."""
    parts = quadrants(count=20, side=16)
    noise = 0.1 * torch.rand(20, 6, 16, 16, generator=torch.Generator().manual_seed(0))
    every = maps_of(*(parts == k for k in (1, 2, 3, 1, 2, 3))) + noise
    letters = maps_of(*(parts == 3 for _ in range(6))) + noise
    counts = [dissect(streamed(maps), parts, NAMES, quantile=0.1).n_unique for maps in (every, letters)]
    assert counts == [3.0, 1.0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"part_names": ()}, r"needs images with part masks; there are 4 images and 0 parts"),
        ({"parts": np.zeros((0, 4, 4))}, r"there are 0 images and 3 parts"),
        ({"parts": np.zeros((4, 4))}, r"these have 2 axes"),
        ({"parts": np.full((4, 4, 4), 9)}, r"holds labels 9 to 9; 0 to 3 have a meaning"),
        ({"parts": quadrants(3)}, r"activations of more than 3 images and part masks of 3"),
        ({"parts": quadrants(5)}, r"activations of 4 images and part masks of 5"),
        ({"activations": streamed(torch.ones(4, 4, 4))}, r"must be \[b, U, h, w\], alike for all images; found 2 x 4 x 4"),
        ({"thresholds": torch.ones(5)}, r"5 thresholds for 2 units"),
        ({"quantile": 1.0}, r"a share between 0 and 1, such as 0.005; found 1"),
        ({"categories": {"bones": "x"}}, r"'bones' is not a known part; did you mean 'bone'\?"),
        ({"resamples": torch.ones(7, 3)}, r"must be \[R, 4\], one column per image; found \[7, 3\]"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(change: dict[str, Any], message: str) -> None:
    arguments = {"activations": streamed(torch.ones(4, 2, 4, 4)), "parts": quadrants(), "part_names": NAMES} | change
    with pytest.raises(UnsupportedError, match=message):
        dissect(arguments.pop("activations"), arguments.pop("parts"), arguments.pop("part_names"), **arguments)
