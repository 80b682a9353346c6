import math

import pytest
import torch
from torch.nn import functional as F

from study.train.views import Crops, crop, draw_crops, hide, jitter


def crops(x: float, y: float, width: float, height: float, mirrored: bool = False) -> Crops:
    return Crops(*(torch.tensor([value]) for value in (x, y, width, height)), torch.tensor([mirrored]))


def test_the_whole_film_is_left_as_it_is() -> None:
    images = torch.rand(1, 2, 6, 6)
    torch.testing.assert_close(crop(images, crops(0, 0, 1, 1)), images)


def test_a_mirrored_film_is_exactly_mirrored_left_to_right() -> None:
    images = torch.rand(1, 1, 6, 6)
    torch.testing.assert_close(crop(images, crops(0, 0, 1, 1, mirrored=True)), images.flip(3))


def test_the_window_is_where_it_was_drawn() -> None:
    images = torch.zeros(1, 1, 8, 8)
    images[0, 0, :4, 4:] = 1.0  # upper right quarter
    assert crop(images, crops(0.5, 0, 0.5, 0.5))[0, 0, 1:-1, 1:].min() == 1.0


def test_a_crop_is_what_a_general_affine_warp_gives() -> None:
    images = torch.rand(5, 1, 12, 12)
    windows = draw_crops(5, (0.3, 0.9), flip=True, generator=torch.Generator().manual_seed(1))
    theta = torch.zeros(5, 2, 3)
    theta[:, 0, 0] = torch.where(windows.mirrored, -windows.width, windows.width)
    theta[:, 1, 1] = windows.height
    theta[:, 0, 2] = 2 * windows.x + windows.width - 1
    theta[:, 1, 2] = 2 * windows.y + windows.height - 1
    grid = F.affine_grid(theta, [5, 1, 12, 12], align_corners=False)
    expected = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
    torch.testing.assert_close(crop(images, windows), expected, atol=1e-5, rtol=0)


def test_drawn_windows_lie_inside_and_have_the_asked_area_and_aspect() -> None:
    windows = draw_crops(4000, (0.5, 0.7), flip=True, generator=torch.Generator().manual_seed(0))
    area = windows.width * windows.height
    assert float(area.min()) >= 0.5 - 1e-6
    assert float(area.max()) <= 0.7 + 1e-6
    assert float((windows.width / windows.height).log().abs().max()) <= math.log(4 / 3) + 1e-6
    assert float(windows.x.min()) >= 0
    assert float((windows.x + windows.width).max()) <= 1 + 1e-6
    assert float((windows.y + windows.height).max()) <= 1 + 1e-6
    assert abs(float(windows.mirrored.float().mean()) - 0.5) < 4 * 0.5 / 4000**0.5


def test_nothing_is_mirrored_without_flip() -> None:
    assert not draw_crops(200, (0.5, 1.0), flip=False, generator=torch.Generator()).mirrored.any()


def test_jitter_changes_contrast_and_brightness_per_film_within_its_strength() -> None:
    images = torch.stack([torch.zeros(1, 2, 2), torch.ones(1, 2, 2)]).repeat(100, 1, 1, 1)
    changed = jitter(images, 0.1, torch.Generator().manual_seed(0))
    assert float(changed[::2].abs().max()) <= 0.1
    assert float((changed[1::2] - 1).abs().max()) <= 0.2
    assert len(changed[:, 0, 0, 0].unique()) == 200


@pytest.mark.parametrize("size", [7, 16])
def test_constant_films_stay_constant(size: int) -> None:
    images = torch.full((3, 1, size, size), 0.7)
    windows = draw_crops(3, (0.2, 1.0), flip=True, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(crop(images, windows), images)


def test_cutout_hides_squares_of_a_grid_up_to_its_share_and_nothing_else() -> None:
    images = 1 + torch.rand(400, 1, 16, 16)
    hidden = hide(images, 0.6, torch.Generator().manual_seed(0))
    gone = hidden == 0
    assert torch.equal(hidden[~gone], images[~gone])
    cells = gone.view(400, 8, 2, 8, 2)
    assert torch.equal(cells.amax(dim=(2, 4)), cells.amin(dim=(2, 4)))
    shares = gone.float().mean(dim=(1, 2, 3))
    assert shares.mean().item() == pytest.approx(0.3, abs=0.03)
    assert shares.min() < 0.1 < 0.5 < shares.max() <= 0.85
