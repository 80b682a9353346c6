"""Class folders, and the table of labels beside them."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from film_kit import BOXES, SIZES, assert_boxes_lie_on_bright_pixels, digest, marked, named, prepared, save, write_csv
from PIL import Image

from study import data
from study.errors import DataError
from study.protocol.data import CsvSettings, ImagefolderSettings


def films(folder: Path, count: int = 20) -> Path:
    for k in range(count):
        save(folder / "ab"[k % 2] / f"{k:02d}.png", marked((30, 20), None, seed=k))
    return folder


def test_folders_are_classes_and_one_named_unlabelled_has_none(tmp_path: Path) -> None:
    films(tmp_path / "films")
    save(tmp_path / "films" / "unlabelled" / "u.png", marked((30, 20), None, seed=99))
    save(tmp_path / "films" / ".cache" / "hidden.png", marked((30, 20), None, seed=98))
    (tmp_path / "films" / "Thumbs.db").write_bytes(b"no film")
    dataset = prepared(ImagefolderSettings(folder="films"), tmp_path)
    assert dataset.classes == ("a", "b")
    assert dataset.image_ids[0] == "a/00.png"
    assert [dataset.image_ids[row] for row in dataset.rows("unlabelled")] == ["unlabelled/u.png"]
    assert named(dataset)[:3] == ["a", "a", "a"]
    assert dataset.facts["format"] == "imagefolder"


def test_folders_of_splits_are_kept_and_deeper_folders_are_no_classes(tmp_path: Path) -> None:
    for k in range(12):
        split = ("train2017", "Valid", "test")[k % 3]
        save(tmp_path / "films" / split / "ab"[k // 3 % 2] / f"patient{k}" / "x.PNG", marked((30, 20), None, seed=k))
    dataset = prepared(ImagefolderSettings(folder="films"), tmp_path)
    assert dataset.classes == ("a", "b")
    assert {i.split("/")[0]: s for i, s in zip(dataset.image_ids, dataset.splits, strict=True)} == {
        "Valid": "val",
        "test": "test",
        "train2017": "train",
    }


def test_a_film_in_two_split_folders_is_a_leak(tmp_path: Path) -> None:
    for k in range(12):
        split = ("train", "val", "test")[k % 3]
        save(tmp_path / "films" / split / "ab"[k // 3 % 2] / f"{k}.png", marked((30, 20), None, seed=k))
    shutil.copy(tmp_path / "films" / "train" / "a" / "0.png", tmp_path / "films" / "test" / "a" / "copy.png")
    with pytest.raises(DataError) as error:
        prepared(ImagefolderSettings(folder="films"), tmp_path)
    assert str(error.value) == (
        "the given splits leak, 1 time:\n  identical files: test/a/copy.png (test), train/a/0.png (train)\n"
        "each patient and each film belongs to one split; move the films, or set split: {given: ignore} to have whole "
        "patients divided"
    )
    anew = prepared(ImagefolderSettings(folder="films", split={"given": "ignore"}), tmp_path)  # type: ignore[arg-type]
    place = dict(zip(anew.image_ids, anew.splits, strict=True))
    assert place["test/a/copy.png"] == place["train/a/0.png"]


def test_names_with_hangul_and_spaces_uppercase_suffixes_and_links(tmp_path: Path) -> None:
    folder = films(tmp_path / "films")
    save(folder / "a" / "어깨 사진 1.png", marked((30, 20), None, seed=50))
    Image.fromarray(marked((30, 20), None, seed=51)).save(folder / "a" / "UPPER.JPG", "JPEG")
    save(tmp_path / "elsewhere" / "linked.png", marked((30, 20), None, seed=52))
    save(tmp_path / "elsewhere" / "c" / "inner.png", marked((30, 20), None, seed=53))
    (folder / "b" / "link.png").symlink_to(tmp_path / "elsewhere" / "linked.png")
    (folder / "b" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (folder / "b" / "folder").symlink_to(tmp_path / "elsewhere" / "c")
    (folder / "b" / "loop").symlink_to(folder)
    dataset = prepared(ImagefolderSettings(folder="films"), tmp_path)
    assert {"a/어깨 사진 1.png", "a/UPPER.JPG", "b/link.png", "b/folder/inner.png"} < set(dataset.image_ids)
    assert len(dataset.image_ids) == 24
    assert [(file.path, file.reason) for file in dataset.quarantined] == [("b/gone.png", "the file does not exist")]


def test_every_kind_of_file_is_read_or_quarantined(tmp_path: Path) -> None:
    folder = films(tmp_path / "films")
    grey = Image.fromarray(marked((60, 40), None, seed=60))
    grey.convert("RGB").convert("CMYK").save(folder / "a" / "cmyk.jpg")
    grey.convert("P").save(folder / "a" / "palette.png")
    grey.convert("LA").save(folder / "a" / "alpha.png")
    save(folder / "a" / "large.png", np.tile(np.arange(3000, dtype=np.uint16) // 12, (2600, 1)).astype(np.uint8))
    whole = (folder / "a" / "00.png").read_bytes()
    (folder / "b" / "truncated.png").write_bytes(whole[: len(whole) // 2])
    (folder / "b" / "empty.png").write_bytes(b"")
    (folder / "b" / "text.jpg").write_text("no image")
    (folder / "b" / "scan.png").write_bytes(bytes(128) + b"DICM" + bytes(40))
    dataset = prepared(ImagefolderSettings(folder="films"), tmp_path)
    assert {"a/cmyk.jpg", "a/palette.png", "a/alpha.png", "a/large.png"} < set(dataset.image_ids)
    assert dataset.facts["source_px"]["largest"] == [3000, 2600]
    assert {file.path: file.reason for file in dataset.quarantined} == {
        "b/empty.png": "the file is empty",
        "b/scan.png": "a DICOM file; the format dicom reads these",
        "b/text.jpg": "not an image of a known kind",
        "b/truncated.png": "the file is truncated",
    }


def test_one_sixteen_bit_film_makes_all_of_them_sixteen_bits(tmp_path: Path) -> None:
    folder = films(tmp_path / "films")
    save(folder / "a" / "deep.png", np.full((20, 30), 4095, dtype=np.uint16))
    dataset = prepared(ImagefolderSettings(folder="films"), tmp_path)
    assert dataset.images.dtype == np.uint16
    deep = dataset.images[dataset.image_ids.index("a/deep.png")]
    assert deep.max() == 65535
    assert dataset.facts["source_bits"] == 12


def test_the_table_gives_patients_labels_and_boxes_by_path_or_name(tmp_path: Path) -> None:
    for k in range(20):
        size, box = SIZES[k % 4], BOXES[k % 4]
        save(tmp_path / "films" / f"film {k:02d}.png", marked(size, box, seed=k))
    rows = [
        {
            "image": f"film {k:02d}" + ".png" * (k % 2),
            "label": "xy"[k % 2],
            "patient_id": f"p{k // 2}",
            "boxes": [BOXES[k % 4]],
        }
        for k in range(18)
    ]
    write_csv(tmp_path / "labels.csv", rows, ("image", "label", "patient_id", "boxes"))
    settings = ImagefolderSettings(folder="films", labels="labels.csv")
    dataset = prepared(settings, tmp_path)
    assert set(named(dataset)) == {"x", "y", ""}
    assert dataset.clusters[:3] == ("p0", "p0", "p1")
    assert_boxes_lie_on_bright_pixels(dataset, least=18)
    assert [dataset.image_ids[row] for row in dataset.rows("unlabelled")] == ["film 18.png", "film 19.png"]
    dropped = prepared(settings.model_copy(update={"unlisted": "drop"}), tmp_path)
    assert len(dropped.image_ids) == 18
    assert dropped.facts["left_out"] == {"not in the table of labels": 2}


def test_a_table_written_with_decomposed_hangul_finds_its_films(tmp_path: Path) -> None:
    folder = films(tmp_path / "films")
    save(folder / "a" / "\uac00.png", marked((30, 20), None, seed=70))  # one letter, composed
    write_csv(tmp_path / "labels.csv", [{"image": "\u1100\u1161.png", "patient_id": "p"}], ("image", "patient_id"))
    dataset = prepared(ImagefolderSettings(folder="films", labels="labels.csv"), tmp_path)
    assert dataset.clusters[dataset.image_ids.index("a/\uac00.png")] == "p"


def test_a_table_that_fits_no_film_or_two_is_refused(tmp_path: Path) -> None:
    folder = films(tmp_path / "films")
    save(folder / "b" / "00.png", marked((30, 20), None, seed=71))
    table = tmp_path / "labels.csv"
    settings = ImagefolderSettings(folder="films", labels="labels.csv")
    write_csv(table, [{"image": "x.png"}], ("image",))
    with pytest.raises(DataError, match=r"names none of the films: it has 'x.png' where the folder has 'a/00.png'"):
        prepared(settings, tmp_path)
    write_csv(table, [{"image": "00.png"}, {"image": "a/02.png"}, {"image": "02"}], ("image",))
    with pytest.raises(DataError) as error:
        prepared(settings, tmp_path)
    assert "'00.png' could be any of 2 films: a/00.png, b/00.png" in str(error.value)
    assert "'02' is the film that line 3 names already" in str(error.value)


def test_the_digest_follows_content_folders_and_table_and_not_the_place(tmp_path: Path) -> None:
    folder = films(tmp_path / "films", 4)
    settings = ImagefolderSettings(folder="films")
    before = digest(settings, tmp_path)
    shutil.copytree(folder, tmp_path / "moved")
    assert digest(ImagefolderSettings(folder="moved"), tmp_path) == before
    write_csv(tmp_path / "labels.csv", [{"image": "00.png", "patient_id": "p"}], ("image", "patient_id"))
    tabled = digest(settings.model_copy(update={"labels": "labels.csv"}), tmp_path)
    (folder / "a" / "00.png").rename(folder / "b" / "00.png")
    assert len({before, tabled, digest(settings, tmp_path)}) == 3


def test_a_folder_without_films_says_what_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty holds no images \(\.bmp, "):
        prepared(ImagefolderSettings(folder="empty"), tmp_path)
    with pytest.raises(DataError, match=r"nowhere \(setting `folder`\) is not a folder"):
        prepared(ImagefolderSettings(folder="nowhere"), tmp_path)


def test_a_manifest_of_the_folder_gives_the_same_films(tmp_path: Path) -> None:
    films(tmp_path / "films")
    assert data.write_manifest(tmp_path / "films", tmp_path / "films" / "manifest.csv") == 20
    listed = prepared(CsvSettings(manifest="films"), tmp_path)
    found = prepared(ImagefolderSettings(folder="films"), tmp_path)
    assert np.array_equal(listed.images, found.images)
    assert (listed.labels.tolist(), listed.splits) == (found.labels.tolist(), found.splits)
    with pytest.raises(DataError, match=r"manifest\.csv exists already and is not replaced; move it away first"):
        data.write_manifest(tmp_path / "films", tmp_path / "films" / "manifest.csv")
