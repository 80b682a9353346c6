"""Ranks, structural similarity and oriented gradients: by hand, and against the libraries that define them."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from study.errors import UnsupportedError
from study.measure.similarity import Likeness, compare, hog, profile, ranks, ssim


def noise(count: int, height: int, width: int) -> Tensor:
    return torch.randn(count, height, width, generator=torch.Generator().manual_seed(height))


def likeness(first: Tensor, second: Tensor, size: tuple[int, int] | None = None) -> Likeness:
    size = size or (first.shape[-2], first.shape[-1])
    return compare(profile(first, size), profile(second, size))


# --------------------------------------------------------------------------------- rank correlation


def test_tied_pixels_share_the_mean_of_their_ranks() -> None:
    maps = torch.tensor([[[5.0, 1.0, 1.0], [0.0, 1.0, -0.0]]])
    assert ranks(maps).tolist() == [[[5, 3, 3], [0.5, 3, 0.5]]]


def test_ranks_and_correlations_are_those_of_scipy() -> None:
    maps = (noise(4, 7, 5) * 3).round()  # many ties
    for ours, values in zip(ranks(maps), maps, strict=True):
        np.testing.assert_array_equal(ours.flatten() + 1, stats.rankdata(values.flatten()))
    found = likeness(maps[:2], maps[2:])
    for i in range(2):
        signed = stats.spearmanr(maps[i].flatten(), maps[2 + i].flatten()).statistic
        unsigned = stats.spearmanr(maps[i].abs().flatten(), maps[2 + i].abs().flatten()).statistic
        assert found.spearman[i].item() == pytest.approx(signed, abs=1e-12)
        assert found.spearman_abs[i].item() == pytest.approx(unsigned, abs=1e-12)


def test_a_map_and_its_negative_differ_in_sign_only() -> None:
    maps = noise(1, 20, 20)
    found = likeness(maps, -maps)
    assert [values.item() for values in found] == pytest.approx([-1, 1, 1, 1])


# --------------------------------------------------------------------------- structural similarity


def test_structural_similarity_of_a_single_window_by_hand() -> None:
    a, b = noise(2, 5, 5).double().sigmoid().numpy()
    c1, c2, covariance = 0.01**2, 0.03**2, np.cov(a.ravel(), b.ravel())
    expected = (2 * a.mean() * b.mean() + c1) * (2 * covariance[0, 1] + c2)
    expected /= (a.mean() ** 2 + b.mean() ** 2 + c1) * (covariance[0, 0] + covariance[1, 1] + c2)
    assert ssim(torch.from_numpy(a)[None], torch.from_numpy(b)[None]).item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("size", [(32, 32), (24, 41)])
def test_structural_similarity_is_that_of_scikit_image(size: tuple[int, int]) -> None:
    metrics = pytest.importorskip("skimage.metrics")
    maps = noise(6, *size).double().sigmoid()
    bell = torch.exp(-torch.arange(-5.0, 6).double().square() / (2 * 1.5**2))
    gaussian = tuple((bell / bell.sum()).tolist())
    ours = ssim(maps[:3], maps[3:]), ssim(maps[:3], maps[3:], window=gaussian, correction=0)
    for i in range(3):
        pair = maps[i].numpy(), maps[3 + i].numpy()
        uniform = metrics.structural_similarity(*pair, win_size=5, data_range=1)
        weighted = metrics.structural_similarity(
            *pair, gaussian_weights=True, use_sample_covariance=False, data_range=1
        )
        assert [ours[0][i].item(), ours[1][i].item()] == pytest.approx([uniform, weighted], abs=1e-9)


def test_maps_smaller_than_the_window_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="looks through 5 x 5 pixels, not at 4 x 9"):
        ssim(torch.rand(1, 4, 9), torch.rand(1, 4, 9))


# ------------------------------------------------------------------------------- oriented gradients


@pytest.mark.parametrize(("axis", "direction"), [(1, 0), (0, 4)])
def test_a_ramp_votes_for_its_own_direction(axis: int, direction: int) -> None:
    """From left to right is 0 degrees, downwards 90: the fifth of nine bins of 20 degrees."""
    ramp = torch.arange(48.0).expand(48, 48)
    features = hog((ramp if axis == 1 else ramp.T)[None])
    expected = torch.zeros(1, 1, 9, 9, dtype=torch.float64)
    expected[..., direction] = 1 / 3  # nine cells, each cut to the same 0.2 and divided again
    torch.testing.assert_close(features, expected.flatten(2), atol=1e-6, rtol=0)


@pytest.mark.parametrize("size", [(64, 64), (50, 83)])
def test_oriented_gradients_are_those_of_scikit_image(size: tuple[int, int]) -> None:
    features = pytest.importorskip("skimage.feature")
    for maps in (noise(2, *size).sigmoid(), noise(2, *size).clamp(min=1) - 1):
        expected = [features.hog(values.numpy(), pixels_per_cell=(16, 16)) for values in maps]
        np.testing.assert_allclose(hog(maps).flatten(1), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("size", "blocks"),
    [((48, 63), 1), ((48, 64), 2), ((47, 47), 1), ((32, 32), 1), ((24, 16), 2), ((3, 5), 3)],
)
def test_a_map_that_is_too_small_for_a_block_has_smaller_cells(size: tuple[int, int], blocks: int) -> None:
    maps = noise(2, *size).sigmoid()
    assert hog(maps).shape == (2, blocks, 3 * 3 * 9)
    assert hog(maps).std() > 0.01


# -------------------------------------------------------------------------------------- all of them


def test_raw_maps_are_ranked_as_they_are_and_seen_at_the_size_of_the_image() -> None:
    low = noise(2, 4, 3)
    large = torch.nn.functional.interpolate(low.abs()[:, None], size=(40, 36), mode="bilinear")[:, 0]
    found, seen = likeness(low[:1], low[1:], (40, 36)), likeness(large[:1], large[1:])
    assert found.ssim.item() == pytest.approx(seen.ssim.item())
    assert found.hog.item() == pytest.approx(seen.hog.item())
    expected = stats.spearmanr(low[0].flatten(), low[1].flatten()).statistic
    assert found.spearman.item() == pytest.approx(expected, abs=1e-12)


def test_the_scale_of_a_map_does_not_matter() -> None:
    maps = noise(2, 20, 20)
    for plain, scaled in zip(likeness(maps[:1], maps[1:]), likeness(maps[:1] * 1e-4, maps[1:] * 50), strict=True):
        torch.testing.assert_close(plain, scaled, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("value", [0.0, 0.1, math.nan, math.inf])
@pytest.mark.parametrize("size", [(24, 24), (64, 48)])
def test_maps_that_are_constant_or_not_finite_are_like_nothing(value: float, size: tuple[int, int]) -> None:
    usable, other = noise(1, 24, 24), torch.full((1, 24, 24), value)
    if not math.isfinite(value):
        other = usable.clone()
        other[0, 3, 3] = value
    for found in (likeness(usable, other, size), likeness(other, usable, size), likeness(other, other, size)):
        assert all(values.isnan().all() for values in found)
