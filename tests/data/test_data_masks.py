"""Films with binary masks: boxes around the pieces, the masks as parts."""

from pathlib import Path

import numpy as np
import pytest
from film_kit import BOXES, SIZES, assert_boxes_lie_on_bright_pixels, digest, marked, named, prepared, save
from numpy.typing import NDArray

from study import data
from study.errors import DataError
from study.protocol.data import MasksSettings


def mask(size: tuple[int, int], *boxes: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    pixels = np.zeros(size[::-1], dtype=np.uint8)
    for x0, y0, x1, y1 in boxes:
        pixels[y0:y1, x0:x1] = 255
    return pixels


def films(root: Path, where: str = "masks/{stem}.png", count: int = 24) -> None:
    """Films with a bright rectangle and its mask; every third without either."""
    for k in range(count):
        size, box = SIZES[k % 4], None if k % 3 == 0 else BOXES[k % 4]
        save(root / "images" / f"film {k:02d}.png", marked(size, box, seed=k))
        if box:
            save(root / where.format(stem=f"film {k:02d}"), mask(size, box))


@pytest.mark.parametrize(
    ("where", "concept"),
    [
        ("masks/{stem}.png", "mask"),
        ("masks/{stem}_mask.png", "mask"),
        ("masks/lesion/{stem}.png", "lesion"),
        ("images/{stem}_mask.png", "mask"),
        ("images/{stem}_mask_2.png", "mask"),
    ],
)
def test_boxes_and_parts_lie_on_the_pixels_of_the_masks(where: str, concept: str, tmp_path: Path) -> None:
    films(tmp_path / "set", where)
    dataset = prepared(MasksSettings(folder="set", label="any_mask"), tmp_path, image_size=60)
    assert dataset.classes == ("none", concept)
    assert dataset.part_names == (concept,)
    assert_boxes_lie_on_bright_pixels(dataset, least=16)
    assert dataset.parts is not None
    for row, boxes in enumerate(dataset.boxes):
        assert (dataset.labels[row] == 1) == (len(boxes) == 1)
        inside = np.zeros((60, 60), dtype=bool)
        for x0, y0, x1, y1 in boxes:
            inside[y0:y1, x0:x1] = True
        assert (inside ^ (dataset.parts[row] == 1)).sum() <= 120  # a rim of at most half a pixel


def test_every_piece_has_its_box_corners_connect_and_specks_have_none(tmp_path: Path) -> None:
    films(tmp_path / "set")
    two = mask((120, 80), (0, 0, 20, 20), (20, 20, 30, 30), (60, 40, 100, 80))
    two[70, 5] = 255  # one pixel of 9600, and the least is 2
    save(tmp_path / "set" / "masks" / "film 00.png", two)
    settings = MasksSettings(folder="set", label="any_mask", smallest=2 / 9600)
    assert prepared(settings, tmp_path, image_size=120).boxes[0].tolist() == [[0, 20, 30, 50], [60, 60, 100, 100]]
    assert len(prepared(settings.model_copy(update={"smallest": 0.0}), tmp_path).boxes[0]) == 3


def test_only_the_boxed_concepts_have_boxes_and_make_the_label(tmp_path: Path) -> None:
    films(tmp_path / "set", "masks/lesion/{stem}.png")
    for k in range(24):
        save(tmp_path / "set" / "masks" / "lung" / f"film {k:02d}.png", mask(SIZES[k % 4], (0, 0, 80, 60)))
    dataset = prepared(MasksSettings(folder="set", label="any_mask", boxed=("lesion",)), tmp_path, image_size=60)
    assert (dataset.classes, dataset.part_names) == (("none", "lesion"), ("lesion", "lung"))
    assert_boxes_lie_on_bright_pixels(dataset, least=16)
    assert set(np.unique(dataset.parts)) == {0, 1, 2}
    with pytest.raises(DataError, match=r"setting `boxed`:\n'lesoin' is not a known concept; did you mean 'lesion'\?"):
        prepared(MasksSettings(folder="set", boxed=("lesoin",)), tmp_path)


def test_class_folders_with_masks_beside_the_films_several_united(tmp_path: Path) -> None:
    for k in range(20):
        label = ("benign", "normal")[k % 2]
        stem = tmp_path / "set" / label / f"{label} ({k})"
        save(stem.with_name(f"{stem.name}.png"), marked((90, 60), None, seed=k))
        save(stem.with_name(f"{stem.name}_mask.png"), mask((90, 60), *([(0, 0, 30, 30)] if label == "benign" else [])))
    save(tmp_path / "set" / "benign" / "benign (0)_mask_1.png", mask((90, 60), (60, 30, 90, 60)))
    dataset = prepared(MasksSettings(folder="set"), tmp_path, image_size=90)
    assert len(dataset.image_ids) == 20
    assert named(dataset) == [image.split("/")[0] for image in dataset.image_ids]
    assert dataset.boxes[0].tolist() == [[0, 15, 30, 45], [60, 45, 90, 75]]
    assert [len(boxes) for boxes in dataset.boxes[1:]] == [1] * 9 + [0] * 10
    guess = data.guesses(tmp_path / "set")[0]
    assert (guess.format, guess.settings) == ("masks", {"folder": tmp_path / "set"})


def test_a_broken_mask_quarantines_its_film_and_another_size_is_refused(tmp_path: Path) -> None:
    films(tmp_path / "set")
    settings = MasksSettings(folder="set", label="any_mask")
    (tmp_path / "set" / "masks" / "film 01.png").write_bytes(b"")
    assert [(f.path, f.reason) for f in prepared(settings, tmp_path).quarantined] == [
        ("film 01.png", "its mask film 01.png: the file is empty")
    ]
    save(tmp_path / "set" / "masks" / "film 01.png", mask((40, 60), (1, 1, 9, 9)))  # half of 80 x 120
    with pytest.raises(DataError, match=r"film 01\.png: has 40 x 60 pixels, its film 80 x 120"):
        prepared(settings, tmp_path)


def test_masks_without_a_film_are_counted_and_none_at_all_is_refused(tmp_path: Path) -> None:
    films(tmp_path / "set")
    save(tmp_path / "set" / "masks" / "stray.png", mask((9, 9), (0, 0, 3, 3)))
    dataset = prepared(MasksSettings(folder="set", label="any_mask"), tmp_path)
    assert dataset.facts["parts"]["masks_without_film"] == 1
    with pytest.raises(DataError, match=r"no mask has the name of a film; expected masks/<film>\.png"):
        prepared(MasksSettings(folder="set/images"), tmp_path)


def test_the_digest_sees_the_masks(tmp_path: Path) -> None:
    films(tmp_path / "set")
    settings = MasksSettings(folder="set")
    before = digest(settings, tmp_path)
    save(tmp_path / "set" / "masks" / "film 01.png", mask(SIZES[1], (1, 1, 30, 30)))
    assert digest(settings, tmp_path) != before


def test_it_is_recognised_with_the_label_that_fits(tmp_path: Path) -> None:
    films(tmp_path / "set", "masks/{stem}_seg.png")
    guess = data.guesses(tmp_path / "set")[0]
    assert guess.format == "masks"
    assert guess.settings == {"folder": tmp_path / "set", "suffix": "_seg", "label": "any_mask"}
    assert guess.how == "16 of 24 images have a mask of their name (mask)"
