"""Which images the gallery shows, and how a map is laid over them."""

from pathlib import Path

import numpy as np
import pytest

from study.conclude.gallery import check_picked, choose, display_map
from study.errors import DataError
from study.records import ImageDifference


def differences(*values: float) -> list[ImageDifference]:
    return [ImageDifference("c", f"film{i}", value, 0.0, value) for i, value in enumerate(values)]


def test_gains_the_middle_and_losses_are_chosen_in_this_order() -> None:
    chosen = choose(differences(-0.3, 0.1, 0.4, 0.0, -0.1, 0.2, 0.3), higher_is_better=True)
    assert [rule for rule, _ in chosen] == ["gain"] * 2 + ["median"] * 2 + ["loss"] * 2
    assert [image for _, image in chosen] == ["film2", "film6", "film5", "film1", "film4", "film0"]


def test_where_lower_is_better_the_largest_fall_is_the_largest_gain() -> None:
    chosen = choose(differences(-0.3, 0.1, 0.4, 0.0, -0.1, 0.2), higher_is_better=False)
    assert chosen[0] == ("gain", "film0")
    assert chosen[-1] == ("loss", "film2")


def test_equal_differences_are_ordered_by_image_id() -> None:
    chosen = choose(differences(*[0.0] * 8), higher_is_better=True)
    assert [image for _, image in chosen] == ["film0", "film1", "film3", "film4", "film6", "film7"]


def test_too_few_images_for_three_groups_are_all_shown_once() -> None:
    chosen = choose(differences(0.1, -0.1, 0.2), higher_is_better=True)
    assert chosen == [("median", "film2"), ("median", "film0"), ("median", "film1")]


def test_a_map_is_cut_at_zero_stretched_and_scaled_to_one() -> None:
    shown = display_map(np.array([[-2.0, 4.0]], dtype=np.float32), (1, 4), rectified=True)
    # Half-pixel centres: 0, 1, 3, 4 of 4 after the negative half is cut.
    assert shown[0].tolist() == pytest.approx([0.0, 0.25, 0.75, 1.0])


class Films:
    image_ids = ("film-1", "film-2", "chest-1")
    explained = np.array([0, 1])


@pytest.mark.parametrize(
    ("picked", "hint"), [("film-22", "did you mean 'film-2'?"), ("chest-1", "known are film-1, film-2, …")]
)
def test_a_picked_image_without_maps_is_refused_with_what_there_is(picked: str, hint: str) -> None:
    check_picked(["film-2", "film-1"], Films(), Path("notes.yaml"))  # type: ignore[arg-type]
    with pytest.raises(DataError) as caught:
        check_picked(["film-2", picked], Films(), Path("notes.yaml"))  # type: ignore[arg-type]
    assert str(caught.value) == f"notes.yaml: by_hand: no test image with maps is called '{picked}'; {hint}"


@pytest.mark.parametrize("value", [0.0, -1.0, 3.0])
def test_a_flat_map_shows_nothing(value: float) -> None:
    shown = display_map(np.full((2, 2), value, dtype=np.float32), (4, 6), rectified=True)
    assert shown.shape == (4, 6)
    assert not shown.any()
