"""coco, voc and yolo: the same films in three layouts, their boxes seen on the pixels, and what is refused."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from film_kit import (
    BOXES,
    SIZES,
    assert_boxes_lie_on_bright_pixels,
    bright,
    digest,
    marked,
    named,
    prepared,
    same,
    save,
    write_coco,
    write_csv,
    write_voc,
    write_yolo,
)
from PIL import Image

from study import data
from study.errors import DataError
from study.protocol.data import BoxSettings, CocoSettings, CsvSettings, VocSettings, YoloSettings

Film = tuple[str, tuple[int, int], list[tuple[str, Any]]]
CATEGORIES = ("tear", "crack")


def films(folder: Path, count: int = 24) -> list[Film]:
    """Every third film without a box, the others of one category in turn."""
    made: list[Film] = []
    for k in range(count):
        size, box = SIZES[k % 4], None if k % 3 == 0 else BOXES[k % 4]
        save(folder / f"film {k:02d}.png", marked(size, box, seed=k))
        made.append((f"film {k:02d}.png", size, [(CATEGORIES[k % 2], box)] if box else []))
    return made


def coco(root: Path, made: Sequence[Film]) -> None:
    write_coco(root / "annotations.json", made)


def voc(root: Path, made: Sequence[Film]) -> None:
    for name, size, boxes in made:
        if boxes:  # a film without a file has no box
            write_voc(root / "Annotations" / f"{name[:-4]}.xml", size, boxes)


def yolo(root: Path, made: Sequence[Film]) -> None:
    (root / "data.yaml").write_text("names: {0: tear, 1: crack}\n")
    for name, size, boxes in made:
        if boxes:
            pairs = [(CATEGORIES.index(category), box) for category, box in boxes]
            write_yolo(root / "labels" / f"{name[:-4]}.txt", size, pairs)


LAYOUTS: dict[str, tuple[Callable[[Path, Sequence[Film]], None], type[BoxSettings]]] = {
    "coco": (coco, CocoSettings),
    "voc": (voc, VocSettings),
    "yolo": (yolo, YoloSettings),
}
each = pytest.mark.parametrize("layout", LAYOUTS)


def laid_out(layout: str, root: Path, **settings: Any) -> BoxSettings:
    write, kind = LAYOUTS[layout]
    write(root / "set", films(root / "set" / "images"))
    return kind(folder="set", **settings)


@each
def test_boxes_lie_on_the_pixels_they_were_drawn_around(layout: str, tmp_path: Path) -> None:
    settings = laid_out(layout, tmp_path)
    for rule in ("letterbox", "stretch"):
        dataset = prepared(settings.model_copy(update={"resize": rule}), tmp_path, image_size=60)
        assert_boxes_lie_on_bright_pixels(dataset, least=16)
        assert sum(len(boxes) == 0 for boxes in dataset.boxes) == 8


@each
def test_any_box_makes_two_classes_the_one_without_first(layout: str, tmp_path: Path) -> None:
    dataset = prepared(laid_out(layout, tmp_path, no_box="sound"), tmp_path)
    assert dataset.classes == ("sound", "box")
    assert [len(boxes) > 0 for boxes in dataset.boxes] == (dataset.labels == 1).tolist()
    assert dataset.facts["label_rule"] == "any_box"
    one = prepared(LAYOUTS[layout][1](folder="set", categories=("crack",)), tmp_path)
    assert one.classes == ("none", "crack")
    assert sum(len(boxes) for boxes in one.boxes) == 8
    assert one.facts["boxes_of_other_categories"] == 8


@each
def test_category_takes_that_of_the_boxes_and_leaves_mixed_films_out(layout: str, tmp_path: Path) -> None:
    write, kind = LAYOUTS[layout]
    made = films(tmp_path / "set" / "images")
    made[1] = (made[1][0], made[1][1], [("tear", (1, 1, 9, 9)), ("crack", (20, 20, 40, 40))])
    write(tmp_path / "set", made)
    dataset = prepared(kind(folder="set", label="category", no_box="unlabelled"), tmp_path)
    assert set(dataset.classes) == {"crack", "tear"}
    assert dataset.facts["left_out"]["boxes of several categories"] == 1
    assert made[1][0] not in dataset.image_ids
    told = dict(zip(dataset.image_ids, named(dataset), strict=True))
    assert {told[name] for name, _, boxes in made[2:] if boxes and boxes[0][0] == "tear" and told[name]} == {"tear"}
    assert all(told.get(name, "") == "" for name, _, boxes in made if not boxes)


@each
def test_the_table_gives_labels_and_patients(layout: str, tmp_path: Path) -> None:
    rows = [{"image": f"film {k:02d}.png", "label": "xy"[k // 2 % 2], "patient_id": f"p{k // 2}"} for k in range(24)]
    write_csv(tmp_path / "labels.csv", rows, ("image", "label", "patient_id"))
    dataset = prepared(laid_out(layout, tmp_path, labels="labels.csv"), tmp_path)
    assert (dataset.classes, dataset.facts["patients"]) == (("x", "y"), 12)
    assert_boxes_lie_on_bright_pixels(dataset, least=16)
    assert dataset.facts["label_rule"] == "table"


@each
def test_all_three_give_the_films_of_a_manifest(layout: str, tmp_path: Path) -> None:
    settings = laid_out(layout, tmp_path)
    rows = [
        {"image": name, "label": "box" if boxes else "none", "boxes": [list(box) for _, box in boxes]}
        for name, _, boxes in films(tmp_path / "csv" / "images")
    ]
    write_csv(tmp_path / "csv" / "manifest.csv", rows, ("image", "label", "boxes"))
    same(prepared(settings, tmp_path), prepared(CsvSettings(manifest="csv", classes=("none", "box")), tmp_path))


@each
def test_the_digest_sees_boxes_and_pixels(layout: str, tmp_path: Path) -> None:
    write, _ = LAYOUTS[layout]
    settings = laid_out(layout, tmp_path)
    before = digest(settings, tmp_path)
    made = films(tmp_path / "set" / "images")
    write(tmp_path / "set", made)
    assert digest(settings, tmp_path) == before
    made[1] = (made[1][0], made[1][1], [(made[1][2][0][0], (1, 1, 9, 9))])
    write(tmp_path / "set", made)
    moved = digest(settings, tmp_path)
    save(tmp_path / "set" / "images" / made[0][0], marked((20, 20), None, seed=500))
    assert len({before, moved, digest(settings, tmp_path)}) == 3


@each
def test_it_is_recognised(layout: str, tmp_path: Path) -> None:
    laid_out(layout, tmp_path)
    first = data.guesses(tmp_path / "set")[0]
    assert (first.format, first.settings) == (layout, {"folder": tmp_path / "set"})


@each
def test_a_broken_film_is_quarantined(layout: str, tmp_path: Path) -> None:
    settings = laid_out(layout, tmp_path)
    (tmp_path / "set" / "images" / "film 04.png").write_bytes(b"")
    dataset = prepared(settings, tmp_path)
    assert [(file.path, file.reason) for file in dataset.quarantined] == [("film 04.png", "the file is empty")]


@each
def test_a_box_beside_its_film_is_refused_with_its_name(layout: str, tmp_path: Path) -> None:
    write, kind = LAYOUTS[layout]
    made = films(tmp_path / "set" / "images")
    made[4] = (made[4][0], made[4][1], [("tear", (130, 10, 140, 20))])
    write(tmp_path / "set", made)
    with pytest.raises(
        DataError, match=r"film 04\.png\n +\[130\.0, 10\.0, 140\.0, 20\.0\] lies outside the film, which has 120 x 80"
    ):
        prepared(kind(folder="set"), tmp_path)


@each
def test_boxes_without_area_are_refused(layout: str, tmp_path: Path) -> None:
    write, kind = LAYOUTS[layout]
    made = films(tmp_path / "set" / "images")
    made[4] = (made[4][0], made[4][1], [("tear", (10, 10, 10, 20))])
    write(tmp_path / "set", made)
    with pytest.raises(DataError, match=r"has no area"):
        prepared(kind(folder="set"), tmp_path)


# ------------------------------------------------------------------------------ EXIF


def sideways(path: Path, box: tuple[int, int, int, int]) -> None:
    """A film that lies on its side in the file: 120 x 80 stored, 80 x 120 shown."""
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = marked((80, 120), box)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.rot90(upright)).save(path, "JPEG", quality=95, exif=exif)


@pytest.mark.parametrize("drawn", ["shown", "stored"])
@pytest.mark.parametrize("layout", ["coco", "voc"])
def test_boxes_of_a_turned_film_follow_the_size_that_is_stated(layout: str, drawn: str, tmp_path: Path) -> None:
    write, kind = LAYOUTS[layout]
    made = films(tmp_path / "set" / "images")
    upright = (30, 50, 70, 90)
    sideways(tmp_path / "set" / "images" / "turned.jpg", upright)
    stored = (50, 80 - 70, 90, 80 - 30)  # a quarter back: x' = y, y' = width - x
    size, box = ((80, 120), upright) if drawn == "shown" else ((120, 80), stored)
    write(tmp_path / "set", [*made, ("turned.jpg", size, [("tear", box)])])
    dataset = prepared(kind(folder="set"), tmp_path, image_size=60)
    row = dataset.image_ids.index("turned.jpg")
    assert np.abs(np.array(bright(dataset, row)) - dataset.boxes[row][0]).max() <= 1
    assert dataset.facts.get("films_with_boxes_drawn_on_another_size", 0) == (drawn == "stored")


def test_shares_are_of_the_film_as_it_is_shown(tmp_path: Path) -> None:
    made = films(tmp_path / "set" / "images")
    sideways(tmp_path / "set" / "images" / "turned.jpg", (30, 50, 70, 90))
    yolo(tmp_path / "set", [*made, ("turned.jpg", (80, 120), [("tear", (30, 50, 70, 90))])])
    dataset = prepared(YoloSettings(folder="set"), tmp_path, image_size=60)
    row = dataset.image_ids.index("turned.jpg")
    assert np.abs(np.array(bright(dataset, row)) - dataset.boxes[row][0]).max() <= 1


def test_boxes_of_a_copy_twice_as_large_are_scaled_and_those_of_another_shape_quarantine(tmp_path: Path) -> None:
    made = films(tmp_path / "set" / "images")
    name, (width, height), [(category, box)] = made[4]
    made[4] = (name, (2 * width, 2 * height), [(category, tuple(2 * side for side in box))])
    made[5] = (made[5][0], (500, 100), made[5][2])
    coco(tmp_path / "set", made)
    dataset = prepared(CocoSettings(folder="set"), tmp_path, image_size=60)
    assert_boxes_lie_on_bright_pixels(dataset, least=15)
    assert dataset.facts["films_with_boxes_drawn_on_another_size"] == 1
    assert [file.reason for file in dataset.quarantined] == [
        "its boxes were drawn on 500 x 100 pixels, the film has 80 x 120"
    ]


# ------------------------------------------------------------------------------ coco


def test_one_file_per_split_and_a_folder_of_images_for_each(tmp_path: Path) -> None:
    for split, year in (("train", "2017"), ("val", "2017"), ("test", "")):
        folder = tmp_path / "set" / "images" / f"{split}{year}"
        made = films(folder, 12)
        for k, (name, size, boxes) in enumerate(made):
            save(
                folder / name,
                marked(size, boxes[0][1] if boxes else None, seed=100 * len(split) + 10 * ord(split[1]) + k),
            )
        write_coco(tmp_path / "set" / "annotations" / f"instances_{split}{year}.json", made)
    (tmp_path / "set" / "annotations" / "captions_train2017.json").write_text('{"images": [], "annotations": []}')
    dataset = prepared(CocoSettings(folder="set"), tmp_path)
    assert {i.split("/")[0]: s for i, s in zip(dataset.image_ids, dataset.splits, strict=True)} == {
        "train2017": "train",
        "val2017": "val",
        "test": "test",
    }
    assert_boxes_lie_on_bright_pixels(dataset, least=24)


def test_two_files_for_one_split_are_refused(tmp_path: Path) -> None:
    made = films(tmp_path / "set" / "images")
    write_coco(tmp_path / "set" / "one.json", made)
    write_coco(tmp_path / "set" / "two.json", made)
    with pytest.raises(DataError, match=r"several COCO files for the same split:\n  no split: one\.json, two\.json\n"):
        prepared(CocoSettings(folder="set"), tmp_path)
    assert len(prepared(CocoSettings(folder="set", annotations="set/two.json"), tmp_path).image_ids) == 24


def test_faulty_coco_entries_are_listed_together(tmp_path: Path) -> None:
    made = films(tmp_path / "set" / "images")
    write_coco(tmp_path / "set" / "a.json", made)
    content = json.loads((tmp_path / "set" / "a.json").read_text())
    content["annotations"][0]["image_id"] = 999
    content["annotations"][1]["category_id"] = "x"
    content["annotations"][2]["bbox"] = [1, 2, 3]
    del content["images"][3]["file_name"]
    (tmp_path / "set" / "a.json").write_text(json.dumps(content))
    with pytest.raises(DataError) as error:
        prepared(CocoSettings(folder="set"), tmp_path)
    for part in (
        "a.json: 4 problems",
        "annotations[0]\n           is of image_id 999, which is not among the images",
        "annotations[1]\n           has the category_id 'x'; known: 7, 8",
        "annotations[2]\n           has the bbox [1, 2, 3]; [x, y, width, height] in pixels is expected",
        "images[3]\n           has no file_name",
    ):
        assert part in str(error.value)


def test_what_is_no_coco_file_and_images_that_are_not_there_are_told(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a.json").write_text("{}")
    with pytest.raises(DataError, match=r"is not a COCO file and holds none"):
        prepared(CocoSettings(folder="set"), tmp_path)
    with pytest.raises(DataError, match=r"a\.json is not a COCO file; lists named images, annotations, categories"):
        prepared(CocoSettings(folder="set", annotations="set/a.json"), tmp_path)
    write_coco(tmp_path / "set" / "a.json", [("gone.png", (9, 9), [])])
    with pytest.raises(
        DataError, match=r"its images, such as 'gone\.png', are in none of\n(.|\n)*\nsay where \(setting `images`\)$"
    ):
        prepared(CocoSettings(folder="set"), tmp_path)
    with pytest.raises(
        DataError, match=r"'cat' is not a known category; did you mean 'crack'\?|'cat' is not a known category"
    ):
        prepared(laid_out("coco", tmp_path / "b", categories=("cat",)), tmp_path / "b")


# ------------------------------------------------------------------------------ voc


def test_voc_boxes_start_at_pixel_one_and_include_the_last(tmp_path: Path) -> None:
    made = films(tmp_path / "set" / "images")
    write_voc(tmp_path / "set" / "Annotations" / "film 00.xml", (120, 80), [("tear", (0, 0, 120, 80))])
    voc(tmp_path / "set", made)
    text = (tmp_path / "set" / "Annotations" / "film 00.xml").read_text()
    assert "<xmin>1</xmin><ymin>1</ymin><xmax>120</xmax><ymax>80</ymax>" in text
    dataset = prepared(VocSettings(folder="set"), tmp_path, image_size=120)
    assert dataset.boxes[0].tolist() == [[0, 20, 120, 100]]


def test_pixels_counted_from_zero_are_noticed_and_read_with_the_setting(tmp_path: Path) -> None:
    made = films(tmp_path / "set" / "images")
    for name, size, boxes in [*made, ("film 00.png", (120, 80), [("tear", (0, 0, 60, 40))])]:
        write_voc(tmp_path / "set" / "Annotations" / f"{name[:-4]}.xml", size, boxes, first=0)
    with pytest.raises(
        DataError, match=r"a box starts at pixel 0, so these pixels are counted from 0; set first_pixel: 0"
    ):
        prepared(VocSettings(folder="set"), tmp_path)
    guess = data.guesses(tmp_path / "set")[0]
    assert guess.settings == {"folder": tmp_path / "set", "first_pixel": 0}
    assert prepared(VocSettings(folder="set", first_pixel=0), tmp_path, image_size=120).boxes[0].tolist() == [
        [0, 20, 60, 60]
    ]


def test_voc_lists_are_splits_and_trainval_is_divided_without_test(tmp_path: Path) -> None:
    made = films(tmp_path / "set" / "JPEGImages")
    voc(tmp_path / "set", made)
    sets = tmp_path / "set" / "ImageSets" / "Main"
    sets.mkdir(parents=True)
    (sets / "test.txt").write_text("\n".join(name[:-4] for name, _, _ in made[:6]))
    (sets / "trainval.txt").write_text("\n".join(name[:-4] for name, _, _ in made[6:]))
    dataset = prepared(VocSettings(folder="set"), tmp_path)
    assert set(dataset.splits[:6]) == {"test"}
    assert set(dataset.splits[6:]) == {"train", "val"}
    assert dataset.splits.count("val") in (3, 4)


def test_broken_xml_quarantines_its_film_and_a_missing_corner_is_a_fault(tmp_path: Path) -> None:
    made = films(tmp_path / "set" / "images")
    voc(tmp_path / "set", made)
    (tmp_path / "set" / "Annotations" / "film 01.xml").write_text("<annotation><object>")
    dataset = prepared(VocSettings(folder="set"), tmp_path)
    assert [file.path for file in dataset.quarantined] == ["film 01.png"]
    assert dataset.quarantined[0].reason.startswith("its annotation film 01.xml is not XML (no element found")
    (tmp_path / "set" / "Annotations" / "film 02.xml").write_text(
        "<annotation><object><name>tear</name><bndbox><xmin>1</xmin></bndbox></object></annotation>"
    )
    with pytest.raises(DataError, match=r"Annotations/film 02\.xml\n +'tear' has nothing for a corner"):
        prepared(VocSettings(folder="set"), tmp_path)


# ------------------------------------------------------------------------------ yolo


@pytest.mark.parametrize("style", ["images/train", "train/images"])
def test_yolo_splits_by_folder_or_by_data_yaml_with_the_paths_of_another_machine(style: str, tmp_path: Path) -> None:
    base = tmp_path / "set"
    for split in ("train", "valid", "test"):
        folder = base / style.replace("train", split)
        made = films(folder, 12)
        for k, (name, size, boxes) in enumerate(made):
            save(
                folder / name, marked(size, boxes[0][1] if boxes else None, seed=1000 * len(split) + ord(split[0]) + k)
            )
            if boxes:
                labels = base / style.replace("train", split).replace("images", "labels")
                write_yolo(labels / f"{name[:-4]}.txt", size, [(0, boxes[0][1])])
    by_folder = prepared(YoloSettings(folder="set"), tmp_path)
    (base / "data.yaml").write_text(
        f"path: /content/drive/set\nnames: [lesion]\ntrain: ../{style}\n"
        f"val: {style.replace('train', 'valid')}\ntest: /home/me/set/{style.replace('train', 'test')}\n"
    )
    by_yaml = prepared(YoloSettings(folder="set/data.yaml"), tmp_path)
    assert by_folder.splits == by_yaml.splits
    assert set(by_yaml.splits) == {"train", "val", "test"}
    assert (by_folder.classes, by_yaml.classes) == (("none", "0"), ("none", "lesion"))
    assert_boxes_lie_on_bright_pixels(by_yaml, least=24)


def test_polygons_become_the_boxes_around_them(tmp_path: Path) -> None:
    films(tmp_path / "set" / "images")
    yolo(tmp_path / "set", [])
    (tmp_path / "set" / "labels").mkdir()
    (tmp_path / "set" / "labels" / "film 00.txt").write_text("1 0.25 0.5 0.5 0.25 0.75 0.5 0.5 1.0\n")
    for k in (3, 6, 9, 12):
        (tmp_path / "set" / "labels" / f"film {k:02d}.txt").write_text("0 0.5 0.5 0.25 0.25\n")
    dataset = prepared(YoloSettings(folder="set"), tmp_path, image_size=120)
    assert dataset.boxes[0].tolist() == [[30, 40, 90, 100]]  # 120 x 80 with 20 black rows above


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0 0.5 0.5 0.2", "has 4 numbers; expected: category x y width height, as shares of the film, or a polygon"),
        ("0 0.5 0.5 0.2 0.2 0.9", "has 6 numbers; expected: category"),
        ("2 0.5 0.5 0.2 0.2", "2 is not a category; there are 2, counted from 0"),
        ("0 60 40 20 20", "'0 60 40 20 20' is not in shares of the film, which are at most 1"),
        ("tear 0.5 0.5 0.2 0.2", "'tear 0.5 0.5 0.2 0.2' is not made of numbers"),
    ],
)
def test_faulty_lines_are_told_with_file_and_number(line: str, message: str, tmp_path: Path) -> None:
    settings = laid_out("yolo", tmp_path)
    (tmp_path / "set" / "labels" / "film 01.txt").write_text(f"0 0.5 0.5 0.1 0.1\n{line}\n")
    with pytest.raises(DataError) as error:
        prepared(settings, tmp_path)
    assert f"labels/film 01.txt, line 2\n           {message}" in str(error.value)


def test_a_split_of_data_yaml_that_is_not_there_is_told(tmp_path: Path) -> None:
    settings = laid_out("yolo", tmp_path)
    (tmp_path / "set" / "data.yaml").write_text("names: [tear, crack]\ntrain: images/nowhere\n")
    with pytest.raises(DataError, match=r"data\.yaml names 'images/nowhere', and neither it nor a part of it is there"):
        prepared(settings, tmp_path)
