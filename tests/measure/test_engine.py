"""The perturbation engine: exact curves, the identity of the two games, and how often the model is asked."""

import math
import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from measure_toys import Counter, explained
from torch import Tensor

from study.batching import CPU_ROWS
from study.errors import UnsupportedError
from study.measure import perturb
from study.measure.baselines import blank
from study.measure.engine import area, curves_of, insertion_curve
from study.measure.orders import STEPS, step_counts
from study.measure.stream import portions

FOUR = torch.tensor([[[0.4, 0.3], [0.2, 0.1]]])
"""Ranks the pixels of a 2 x 2 image row by row."""


def naive(batch: object, order: Tensor, start: Tensor, finish: Tensor, counts: list[int]) -> Tensor:
    """Probability of class 0 after the first k pixels of each count come from `finish`, one image at a time."""
    rows = []
    for image, (a, b, places) in enumerate(zip(start, finish, order, strict=True)):
        scores = []
        for count in counts:
            current = a.flatten(1).clone()
            current[:, places[:count]] = b.flatten(1)[:, places[:count]]
            scores.append(batch.predict(current.view_as(a)[None])[0, batch.targets[image]].item())
        rows.append(scores)
    return torch.tensor(rows, dtype=torch.float64)


def uneven(images: Tensor) -> Tensor:
    """A nonlinear model whose answer depends on every pixel."""
    weights = torch.linspace(-1, 2, images[0].numel(), dtype=torch.float64).view_as(images[0])
    p = torch.sigmoid((images.double() * weights).sum(dim=(1, 2, 3)) / 4)
    return torch.stack((p, 1 - p), dim=1)


def test_curves_of_a_sum_of_pixels_are_the_sums_themselves() -> None:
    images = torch.tensor([[[[0.4, 0.3], [0.2, 0.1]]]])
    curves = perturb(explained(FOUR, images=images), baseline="zero", steps=4)
    tenths = lambda *values: pytest.approx([value / 40 for value in values], abs=1e-7)  # noqa: E731
    assert curves.deletion_morf[0].tolist() == tenths(10, 6, 3, 1, 0)
    assert curves.deletion_lerf[0].tolist() == tenths(10, 9, 7, 4, 0)
    assert curves.fractions.tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    # Trapezoids: 6 + 3 + 1 + half of 10, over 4 steps.
    assert area(curves.deletion_morf).item() == pytest.approx((6 + 3 + 1 + 5) / 40 / 4)


def test_every_channel_of_a_pixel_is_replaced_with_it() -> None:
    counter = Counter()
    images = torch.arange(1.0, 9.0).view(1, 2, 2, 2) / 10
    perturb(explained(FOUR, images=images, predict=counter), baseline="zero", steps=4)
    assert counter.images[1].flatten(1).tolist() == images[0].flatten(1).mul(torch.tensor([0, 1, 1, 1])).tolist()


def test_equal_values_are_taken_row_by_row_in_both_orders() -> None:
    counter = Counter()
    maps = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    perturb(explained(maps, predict=counter), baseline="zero", steps=4)
    seen = [image.flatten().tolist() for image in counter.images]
    assert seen[:5] == [[1, 1, 1, 1], [0, 1, 1, 1], [0, 1, 1, 0], [0, 0, 1, 0], [0, 0, 0, 0]]
    assert seen[5:] == [[1, 0, 1, 1], [1, 0, 0, 1], [0, 0, 0, 1]]


@pytest.mark.parametrize("baseline", ["zero", "mean", "blur"])
@pytest.mark.parametrize("grid", [{"steps": 5}, {"steps": 8}, {"step_pixels": 7}, {"step_pixels": 100}, {"steps": 99}])
@pytest.mark.parametrize("size", [(6, 4), (5, 5)])
def test_all_four_curves_are_those_of_replacing_pixels_one_image_at_a_time(
    baseline: str, grid: dict[str, int], size: tuple[int, int]
) -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(3, 2, *size, generator=generator)
    maps = torch.randn(3, *size, generator=generator)
    batch = explained(maps, images=images, predict=uneven)
    curves = perturb(batch, baseline=baseline, **grid)
    counts = step_counts(size[0] * size[1], **grid).tolist()
    assert curves.fractions.tolist() == [count / (size[0] * size[1]) for count in counts]
    morf, lerf = maps.flatten(1).argsort(descending=True), maps.flatten(1).argsort()
    nothing = blank(images, baseline)
    close = {"atol": 1e-6, "rtol": 0}
    torch.testing.assert_close(curves.deletion_morf, naive(batch, morf, images, nothing, counts), **close)
    torch.testing.assert_close(curves.deletion_lerf, naive(batch, lerf, images, nothing, counts), **close)
    inserted = insertion_curve(batch, curves, "morf"), insertion_curve(batch, curves, "lerf")
    torch.testing.assert_close(inserted[0], naive(batch, morf, nothing, images, counts), **close)
    torch.testing.assert_close(inserted[1], naive(batch, lerf, nothing, images, counts), **close)


def test_two_curves_of_n_steps_cost_two_n_images_none_of_them_twice() -> None:
    counter = Counter(uneven)
    images = torch.rand(5, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    maps = torch.rand(5, 8, 8, generator=torch.Generator().manual_seed(1))
    batch = explained(maps, images=images, predict=counter)
    curves = perturb(batch, baseline="mean", steps=16)
    assert len(counter.images) == 2 * 16 * 5
    assert len(counter.images.flatten(1).unique(dim=0)) == 2 * 16 * 5
    insertion_curve(batch, curves, "morf")
    insertion_curve(batch, curves, "lerf")
    assert len(counter.images) == 2 * 16 * 5, "even steps: insertion is deletion read backwards"


def test_insertion_of_uneven_steps_scores_only_what_deletion_passed_over() -> None:
    counter = Counter(uneven)
    batch = explained(torch.arange(25.0).view(1, 5, 5), predict=counter)
    curves = perturb(batch, baseline="zero", steps=4)
    assert step_counts(25, steps=4).tolist() == [0, 6, 12, 19, 25]
    before = len(counter.images)
    insertion_curve(batch, curves, "morf")
    assert len(counter.images) - before == 1  # 13 pixels deleted, 12 inserted


def test_batches_stay_within_the_bytes_allowed_and_the_numbers_do_not_depend_on_it() -> None:
    counter = Counter(uneven)
    maps = torch.rand(7, 8, 8, generator=torch.Generator().manual_seed(1))
    images = torch.rand(7, 2, 8, 8, generator=torch.Generator().manual_seed(2))
    batch = explained(maps, images=images, predict=counter)
    share = portions(images, baseline="zero", max_bytes=6000)
    assert (share.images, share.rows) == (1, 4)
    small = perturb(batch, baseline="zero", steps=16, max_bytes=6000)
    assert {len(images) for images in counter.batches} == {4}
    counter.batches.clear()
    large = perturb(batch, baseline="zero", steps=16)
    assert max(len(images) for images in counter.batches) == CPU_ROWS
    # The toy model itself sums in another order in another batch, in its last bits.
    torch.testing.assert_close(small.deletion_morf, large.deletion_morf, atol=1e-12, rtol=0)
    torch.testing.assert_close(small.deletion_lerf, large.deletion_lerf, atol=1e-12, rtol=0)
    perturb(batch, baseline="zero", steps=2, max_bytes=1)
    assert len(counter.batches[-1]) == 1, "one image at a time where not even one fits"


def test_maps_without_an_order_get_nan_and_cost_nothing() -> None:
    counter = Counter()
    maps = torch.ones(4, 4, 4)
    maps[1, 0, 0] = math.nan
    maps[2] = torch.arange(16.0).view(4, 4)
    curves = perturb(explained(maps, predict=counter), baseline="zero", steps=4)
    assert curves.deletion_morf.isnan().all(dim=1).tolist() == [True, True, False, True]
    assert curves.deletion_lerf.isnan().all(dim=1).tolist() == [True, True, False, True]
    assert len(counter.images) == 8


@pytest.mark.parametrize("size", [(6, 6), (7, 5), (3, 8)])
@pytest.mark.parametrize("tile", [2, 3, 4])
@pytest.mark.parametrize("steps", [None, 3, 99])
def test_tiles_leave_whole_by_their_heat_and_the_last_ones_are_cut(
    size: tuple[int, int], tile: int, steps: int | None
) -> None:
    images = torch.rand(2, 2, *size, generator=torch.Generator().manual_seed(0))
    maps = torch.randn(2, *size, generator=torch.Generator().manual_seed(1))
    counter = Counter(uneven)
    batch = explained(maps, images=images, predict=counter)
    curves = perturb(batch, baseline="mean", tile=tile, steps=steps)
    scored = len(counter.images)
    tiles = [(y, x) for y in range(0, size[0], tile) for x in range(0, size[1], tile)]
    counts = step_counts(len(tiles), steps=len(tiles) if steps is None else steps)
    assert curves.tile == tile
    assert curves.fractions.tolist() == (counts.double() / len(tiles)).tolist()
    assert scored == 2 * 2 * (len(counts) - 1)
    for image, (film, heat) in enumerate(zip(images, maps, strict=True)):
        inside = [(slice(y, y + tile), slice(x, x + tile)) for y, x in tiles]
        by_heat = sorted(range(len(tiles)), key=lambda k, heat=heat, inside=inside: -heat[inside[k]].sum().item())
        for curve, order in ((curves.deletion_morf, by_heat), (curves.deletion_lerf, by_heat[::-1])):
            for step, count in enumerate(counts.tolist()):
                expected = film.clone()
                for k in order[:count]:
                    expected[(slice(None), *inside[k])] = film.mean(dim=(1, 2))[:, None, None]
                assert curve[image, step].item() == pytest.approx(uneven(expected[None])[0, 0].item(), abs=1e-6)


def test_tiles_of_equal_heat_leave_row_by_row_in_both_orders() -> None:
    counter = Counter()
    maps = torch.zeros(1, 4, 4)
    maps[0, :2, 2:] = torch.tensor([[1.0, 0.0], [3.0, 0.0]])
    perturb(explained(maps, predict=counter), baseline="zero", tile=2)
    seen = [image[0, ::2, ::2].flatten().tolist() for image in counter.images]
    assert seen[:5] == [[1, 1, 1, 1], [1, 0, 1, 1], [0, 0, 1, 1], [0, 0, 0, 1], [0, 0, 0, 0]]
    assert seen[5:] == [[0, 1, 1, 1], [0, 1, 0, 1], [0, 1, 0, 0]]


def test_tiles_that_carry_equal_heat_have_no_order_though_their_pixels_have_one() -> None:
    counter = Counter()
    maps = torch.tensor([[[0.0, 1.0], [1.0, 0.0]]]).repeat(1, 2, 2)
    curves = perturb(explained(maps, predict=counter), baseline="zero", tile=2)
    assert curves.deletion_morf.isnan().all()
    assert not counter.batches
    assert perturb(explained(maps), baseline="zero", tile=1).deletion_morf.isfinite().all()


def test_insertion_of_tiles_is_deletion_read_backwards() -> None:
    images = torch.rand(2, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    batch = explained(torch.randn(2, 6, 6, generator=torch.Generator().manual_seed(1)), images=images, predict=uneven)
    curves = perturb(batch, baseline="zero", tile=2)
    inserted = insertion_curve(replace(batch, predict=None), curves, "morf")
    assert inserted.tolist() == curves.deletion_lerf.flip(1).tolist()


def test_only_curves_of_the_same_baseline_steps_and_tile_are_taken_for_known() -> None:
    batch = explained(torch.rand(2, 12, 12, generator=torch.Generator().manual_seed(0)))
    kinds = [("zero", 4, 1), ("zero", 4, 3), ("zero", 8, 1), ("mean", 4, 1), ("road", 4, 1), ("zero", 16, 3)]
    known = tuple(perturb(batch, baseline=b, steps=s, tile=t) for b, s, t in kinds)
    ready = replace(batch, curves=known, predict=None)
    for (baseline, steps, tile), curves in zip(kinds, known, strict=True):
        assert curves_of(ready, baseline=baseline, steps=steps, tile=tile) is curves
    assert curves_of(ready, baseline="zero", steps=None, tile=3) is known[-1], "one tile per step is 16 steps here"
    with pytest.raises(TypeError, match="not callable"):
        curves_of(ready, baseline="zero", steps=5, tile=3)


def test_a_curve_without_a_blank_image_cannot_be_read_backwards() -> None:
    batch = explained(torch.rand(1, 4, 4, generator=torch.Generator().manual_seed(0)))
    with pytest.raises(UnsupportedError, match="baseline 'road' has no blank image"):
        insertion_curve(batch, perturb(batch, baseline="road"), "morf")
    with pytest.raises(UnsupportedError, match="'road' imputes what is removed"):
        blank(batch.images, "road")


MEMORY = """
import pathlib, re, torch
from study.measure import perturb
from study.records import ExplainedBatch

def resident(which):
    return int(re.search(which + r":\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1]) / 1024

def films(count, size, channels=1):
    return ExplainedBatch(
        images=torch.empty(count, channels, size, size).uniform_(),
        targets=torch.zeros(count, dtype=torch.int64),
        attributions=torch.empty(count, size, size).uniform_(),
        boxes=(torch.zeros(0, 4, dtype=torch.int64),) * count,
        predict=lambda images: images[:, 0, 0, :2].double(),
        explain=None,
    )

def grown(batch, **kind):
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before = resident("VmRSS")
    perturb(batch, **kind)
    return resident("VmHWM") - before

for baseline in ("zero", "blur", "road"):
    perturb(films(2, 32), baseline=baseline)
"""


def mebibytes(program: str) -> list[float]:
    """What a fresh process prints; memory that it frees goes back to the system, so that peaks are of what it holds."""
    done = subprocess.run(
        [sys.executable, "-c", MEMORY + program],
        env={**os.environ, "MALLOC_MMAP_THRESHOLD_": "262144", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [float(line) for line in done.stdout.split()]


@pytest.mark.slow
def test_large_films_are_perturbed_within_the_bytes_allowed() -> None:
    cases = [
        ("films(6, 1024)", "baseline='zero'", 64),
        ("films(4, 1024)", "baseline='zero', max_bytes=128 * 2**20", 128),
        ("films(2, 1024, 3)", "baseline='blur', max_bytes=128 * 2**20", 128),
        ("films(3, 1024)", "baseline='mean', max_bytes=80 * 2**20, tile=7", 80),
        ("films(2, 512)", "baseline='road', max_bytes=40 * 2**20", 40),
        ("films(1, 512, 3)", "baseline='road', max_bytes=80 * 2**20", 80),
    ]
    found = mebibytes("\n".join(f"print(grown({films}, steps=4, {kind}))" for films, kind, _ in cases))
    for (films, kind, most), peak in zip(cases, found, strict=True):
        assert most / 8 < peak < most + 4, f"{films}, {kind}: {peak:.1f} MiB (4 are left to the program itself)"


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_images() -> None:
    program = """
seen = 0
for batch in (films(50, 32) for _ in range(40)):
    perturb(batch, baseline="zero", steps=4)
    perturb(batch, baseline="blur", steps=4, tile=8)
    seen += 50
    if seen in (200, 2000):
        print(resident("VmHWM"))
"""
    early, late = mebibytes(program)
    assert late - early < 5


@pytest.mark.parametrize(
    ("pixels", "grid", "counts"),
    [
        (8, {"steps": 4}, [0, 2, 4, 6, 8]),
        (10, {"steps": 4}, [0, 2, 5, 8, 10]),
        (3, {"steps": 32}, [0, 1, 2, 3]),
        (10, {"step_pixels": 4}, [0, 4, 8, 10]),
        (10, {"step_pixels": 5}, [0, 5, 10]),
        (10, {"step_pixels": 99}, [0, 10]),
    ],
)
def test_steps_by_number_are_symmetric_and_steps_by_pixels_end_with_the_rest(
    pixels: int, grid: dict[str, int], counts: list[int]
) -> None:
    assert step_counts(pixels, **grid).tolist() == counts


def test_sixteen_steps_are_taken_unless_told_ten_for_road_and_one_per_tile() -> None:
    assert len(step_counts(64 * 64)) == STEPS + 1 == 17
    assert perturb(explained(torch.rand(1, 8, 8)), baseline="zero").deletion_morf.shape == (1, 17)
    assert perturb(explained(torch.rand(1, 8, 8)), baseline="zero", tile=2).deletion_morf.shape == (1, 17)
    assert perturb(explained(torch.rand(1, 8, 8)), baseline="zero", tile=1, steps=99).deletion_morf.shape == (1, 65)
    assert perturb(explained(torch.rand(1, 8, 8)), baseline="road").deletion_morf.shape == (1, 10)


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({"steps": 4, "step_pixels": 4}, "give steps or step_pixels, not both"),
        ({"steps": 0}, "at least one step, not 0"),
        ({"step_pixels": -3}, "at least one pixel and at least one step, not -3"),
        ({"tile": 2, "step_pixels": 4}, "step_pixels counts single pixels"),
        ({"tile": 0}, "at least one pixel, not 0"),
    ],
)
def test_grids_that_cannot_be_are_refused(grid: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        perturb(explained(FOUR), baseline="zero", **grid)


def test_an_unknown_baseline_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnsupportedError, match="'blurr' is not a known baseline; did you mean 'blur'"):
        perturb(explained(FOUR), baseline="blurr")


def test_the_mean_baseline_is_each_image_and_channels_own() -> None:
    images = torch.tensor([[[[0.0, 1.0]], [[2.0, 4.0]]], [[[5.0, 5.0]], [[0.0, 0.0]]]])
    assert blank(images, "mean").tolist() == [[[[0.5, 0.5]], [[3.0, 3.0]]], [[[5.0, 5.0]], [[0.0, 0.0]]]]


def test_blurring_a_flat_image_darkens_its_border_only() -> None:
    blurred = blank(torch.ones(1, 1, 32, 32), "blur")[0, 0]
    assert blurred[16, 16].item() == pytest.approx(1.0, abs=1e-5)
    assert blurred[0, 0] < 0.5
