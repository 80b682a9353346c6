import pytest
import torch

from study.registry import MASKINGS
from study.train import masking
from study.train.masking import Masks

SHAPES = [((8, 8), 0.75, 16), ((8, 8), 0.6, 26), ((10, 10), 0.9, 10), ((14, 14), 0.9, 20), ((2, 3), 0.5, 3)]


def drawn(name: str, batch: int, grid: tuple[int, int], ratio: float, seed: int = 0) -> Masks:
    masks: Masks = MASKINGS.load(name)(batch, grid, ratio, torch.Generator().manual_seed(seed), sigma=0.5, floor=0.1)
    return masks


@pytest.mark.parametrize("name", MASKINGS)
@pytest.mark.parametrize(("grid", "ratio", "visible"), SHAPES)
def test_every_film_keeps_the_same_number_of_patches(
    name: str, grid: tuple[int, int], ratio: float, visible: int
) -> None:
    masks = drawn(name, 50, grid, ratio)
    length = grid[0] * grid[1]
    assert masks.ids_keep.shape == (50, visible)
    assert masks.ids_masked.shape == (50, length - visible)
    assert masks.masked.sum(dim=1).tolist() == [length - visible] * 50


@pytest.mark.parametrize("name", MASKINGS)
def test_the_three_forms_of_a_mask_agree(name: str) -> None:
    masks = drawn(name, 20, (6, 5), 0.7)
    order = torch.cat([masks.ids_keep, masks.ids_masked], dim=1)
    assert torch.equal(order.sort(dim=1).values, torch.arange(30).expand(20, -1))
    assert torch.equal(order.gather(1, masks.ids_restore), torch.arange(30).expand(20, -1))
    assert not masks.masked.gather(1, masks.ids_keep).any()
    assert masks.masked.gather(1, masks.ids_masked).all()


@pytest.mark.parametrize("name", MASKINGS)
def test_the_same_generator_state_hides_the_same_patches_and_another_does_not(name: str) -> None:
    first, again, other = (drawn(name, 5, (8, 8), 0.75, seed) for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first.masked, other.masked)


def test_at_least_one_patch_is_hidden_and_one_visible() -> None:
    assert masking.n_visible(4, 0.99) == 1
    assert masking.n_visible(4, 0.01) == 3


# The published table keeps int(L (1 - ratio)) patches: 25 of 64 at 0.60 and 19 of 196 at 0.90, where we round.
# Columns: middle 2x2, middle of an edge, corner, central quarter, remainder. Published simulation, two digits.
TABLE = [
    ((8, 8), 39 / 64, 0.5, 0.10, (0.91, 0.52, 0.30, 0.86, 0.53)),
    ((8, 8), 0.75, 0.35, 0.10, (1.00, 0.64, 0.53, 0.98, 0.67)),
    ((8, 8), 0.75, 0.5, 0.10, (0.98, 0.68, 0.44, 0.95, 0.68)),
    ((8, 8), 0.75, 0.5, 0.25, (0.94, 0.70, 0.57, 0.90, 0.70)),
    ((8, 8), 0.75, 0.7, 0.10, (0.91, 0.72, 0.51, 0.88, 0.71)),
    ((8, 8), 0.90, 0.5, 0.10, (1.00, 0.90, 0.67, 1.00, 0.88)),
    ((14, 14), 0.75, 0.5, 0.10, (0.98, 0.65, 0.41, 0.93, 0.66)),
    ((14, 14), 177 / 196, 0.5, 0.10, (1.00, 0.87, 0.63, 0.99, 0.86)),
]


@pytest.mark.parametrize(("grid", "ratio", "sigma", "floor", "expected"), TABLE)
def test_the_centre_is_hidden_as_often_as_tabulated(
    grid: tuple[int, int], ratio: float, sigma: float, floor: float, expected: tuple[float, ...]
) -> None:
    draws = 8000
    masks = masking.center(draws, grid, ratio, torch.Generator().manual_seed(3), sigma=sigma, floor=floor)
    share = masks.masked.double().mean(dim=0).reshape(grid)
    half = grid[0] // 2
    edge = torch.stack([share[0, half - 1 : half + 1], share[-1, half - 1 : half + 1]]).mean()
    corner = torch.stack([share[0, 0], share[0, -1], share[-1, 0], share[-1, -1]]).mean()
    found = (share[half - 1 : half + 1, half - 1 : half + 1].mean(), edge, corner, *masking.marginals(masks, grid))
    for value, wanted in zip(found, expected, strict=True):
        error = (0.25 / (4 * draws)) ** 0.5
        assert abs(float(value) - wanted) < 4 * error + 0.005  # the table has two digits


def test_an_even_weight_is_random_masking() -> None:
    masks = masking.center(20_000, (8, 8), 0.75, torch.Generator().manual_seed(0), sigma=0.5, floor=1.0)
    share = masks.masked.double().mean(dim=0)
    assert float((share - 0.75).abs().max()) < 4.5 * (0.75 * 0.25 / 20_000) ** 0.5


def test_the_most_central_patch_is_hidden_with_its_own_probability_when_one_is_drawn() -> None:
    # One draw without replacement is a draw proportional to w; a 3 x 3 grid has u in {-2/3, 0, 2/3}.
    masks = masking.center(40_000, (3, 3), 0.1, torch.Generator().manual_seed(0), sigma=0.5, floor=0.1)
    side = 0.1 + 0.9 * 2.718281828459045 ** -((4 / 9) / 0.5)
    corner = 0.1 + 0.9 * 2.718281828459045 ** -((8 / 9) / 0.5)
    expected = 1 / (1 + 4 * side + 4 * corner)
    found = float(masks.masked.double().mean(dim=0)[4])
    assert abs(found - expected) < 4 * (expected * (1 - expected) / 40_000) ** 0.5
