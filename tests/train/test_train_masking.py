import pytest
import torch

from study.errors import StudyError
from study.registry import MASKINGS, lattice_spacing
from study.train import blocks, masking
from study.train.masking import Masks

SHAPES = [((8, 8), 0.75, 16), ((8, 8), 0.6, 26), ((10, 10), 0.9, 10), ((14, 14), 0.9, 20), ((2, 3), 0.5, 3)]


def drawn(name: str, batch: int, grid: tuple[int, int], ratio: float, seed: int = 0) -> Masks:
    masks: Masks = MASKINGS.load(name)(batch, grid, ratio, torch.Generator().manual_seed(seed), sigma=0.5, floor=0.1)
    return masks


FREE = [name for name in MASKINGS if name != "grid"]
LATTICES = [("grid", (8, 8), 0.75, 16), ("grid", (14, 14), 0.75, 49), ("grid", (6, 9), 0.889, 6)]
CASES = [(name, *shape) for name in FREE for shape in SHAPES] + LATTICES


@pytest.mark.parametrize(("name", "grid", "ratio", "visible"), CASES)
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
    masks = drawn(name, 20, (6, 4), 0.75)
    order = torch.cat([masks.ids_keep, masks.ids_masked], dim=1)
    assert torch.equal(order.sort(dim=1).values, torch.arange(24).expand(20, -1))
    assert torch.equal(order.gather(1, masks.ids_restore), torch.arange(24).expand(20, -1))
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


@pytest.mark.parametrize("name", ["center", "edge"])
def test_with_equal_weights_center_and_edge_are_random_masking(name: str) -> None:
    masks = MASKINGS.load(name)(20_000, (4, 4), 0.75, torch.Generator().manual_seed(1), sigma=0.5, floor=1.0)
    pairs = masks.masked.double().T @ masks.masked.double() / 20_000  # hidden together
    expected = (12 / 16) * (11 / 15)
    off = pairs[~torch.eye(16, dtype=torch.bool)]
    assert float((off - expected).abs().max()) < 5 * (expected * (1 - expected) / 20_000) ** 0.5
    assert float((pairs.diagonal() - 0.75).abs().max()) < 4.5 * (0.75 * 0.25 / 20_000) ** 0.5


def test_edge_spares_the_centre_as_center_spares_the_edge() -> None:
    shares = {}
    for name in ("center", "edge"):
        masks = MASKINGS.load(name)(8000, (8, 8), 0.6, torch.Generator().manual_seed(2), sigma=0.5, floor=0.1)
        shares[name] = masking.marginals(masks, (8, 8))
    assert shares["center"][0] > shares["center"][1] + 0.25
    assert shares["edge"][0] < shares["edge"][1] - 0.25


def test_edge_draws_one_patch_with_the_inverted_weight() -> None:
    # One draw of nine is proportional to w = 0.1 + 0.9 (1 - exp(-r^2 / 0.5)); 3 x 3 patches lie at 0 and +-2/3.
    masks = masking.edge(40_000, (3, 3), 0.1, torch.Generator().manual_seed(0), sigma=0.5, floor=0.1)
    side, corner = (0.1 + 0.9 * (1 - 2.718281828459045 ** -(r / 0.5)) for r in (4 / 9, 8 / 9))
    share = masks.masked.double().mean(dim=0)
    total = 0.1 + 4 * side + 4 * corner
    for patch, weight in ((4, 0.1), (1, side), (0, corner)):
        expected = weight / total
        assert abs(float(share[patch]) - expected) < 4 * (expected * (1 - expected) / 40_000) ** 0.5


def test_a_lattice_keeps_one_patch_of_every_cell_at_one_random_place() -> None:
    masks = masking.grid(400, (6, 6), 0.75, torch.Generator().manual_seed(0))
    cells = (~masks.masked).reshape(400, 3, 2, 3, 2).permute(0, 1, 3, 2, 4).flatten(3)  # [B, 3, 3, 4]
    assert (cells.sum(dim=3) == 1).all()
    place = cells.float().argmax(dim=3).flatten(1)
    assert (place == place[:, :1]).all()
    counts = place[:, 0].bincount(minlength=4)
    assert (counts - 100).abs().max() < 4 * (400 * 0.25 * 0.75) ** 0.5


@pytest.mark.parametrize(
    ("ratio", "spacing"), [(0.75, 2), (0.889, 3), (8 / 9, 3), (0.9375, 4), (0.96, 5), (0.8, None), (0.9, None)]
)
def test_a_lattice_has_few_ratios(ratio: float, spacing: int | None) -> None:
    assert lattice_spacing(ratio) == spacing


@pytest.mark.parametrize(("grid", "ratio"), [((8, 8), 0.6), ((14, 14), 0.889)])
def test_a_ratio_that_is_no_lattice_is_refused(grid: tuple[int, int], ratio: float) -> None:
    with pytest.raises(StudyError, match=f"a ratio of {ratio:g} is no lattice on {grid[0]} x {grid[1]} patches"):
        masking.grid(2, grid, ratio, torch.Generator())


def neighbours(masks: Masks, grid: tuple[int, int]) -> float:
    """Share of pairs of adjacent patches that are hidden both or visible both."""
    masked = masks.masked.reshape(-1, *grid)
    same = [(masked[:, 1:] == masked[:, :-1]), (masked[:, :, 1:] == masked[:, :, :-1])]
    return float(torch.cat([part.flatten() for part in same]).float().mean())


@pytest.mark.parametrize("ratio", [0.5, 0.75])
def test_blocks_hang_together(ratio: float) -> None:
    together = {name: neighbours(drawn(name, 200, (14, 14), ratio), (14, 14)) for name in ("random", "block")}
    expected = (ratio * 195 - (1 - 0)) / 195  # of a hidden patch's neighbours, were they independent: about the ratio
    assert abs(together["random"] - (ratio * expected + (1 - ratio) * (1 - ratio))) < 0.02
    assert together["block"] > together["random"] + 0.15


def test_a_repair_takes_patches_beside_hidden_ones() -> None:
    masked = torch.zeros(50, 6, 6, dtype=torch.bool)
    masked[:, 2:4, 2:4] = True
    repaired = blocks._repaired(masked, 7, torch.Generator().manual_seed(0))
    added = repaired & ~masked
    assert (added.sum(dim=(1, 2)) == 3).all()
    assert not (added & ~blocks._touching(masked)).any()
    assert len({tuple(film.flatten().tolist()) for film in added}) > 10


def test_a_repair_of_nothing_begins_anywhere_and_grows() -> None:
    repaired = blocks._repaired(torch.zeros(20, 5, 5, dtype=torch.bool), 4, torch.Generator().manual_seed(0))
    assert (repaired.sum(dim=(1, 2)) == 4).all()
    assert (repaired & blocks._touching(repaired)).sum(dim=(1, 2)).min() >= 2
