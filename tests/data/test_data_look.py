"""What a look at a folder finds, says and draws."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from dicom_kit import deep, write
from film_kit import BOXES, marked, save, write_coco, write_csv
from PIL import Image

from study import data
from study.data.look.twins import fingerprint
from study.errors import DataError
from study.examine import examine


def manifest(root: Path) -> Path:
    """Four films of which one is deep and one broken."""
    save(root / "images" / "a.png", marked((10, 20), None, seed=1))
    save(root / "images" / "b.png", marked((30, 40), None, seed=2))
    save(root / "images" / "c.png", np.zeros((50, 60), dtype=np.uint16))
    (root / "images" / "d.png").write_bytes(b"")
    (root / "manifest.csv").write_text(
        "image,label,split,patient_id,boxes\n"
        'a.png,x,train,p,"[[0,0,1,1],[2,2,3,4]]"\nb.png,y,,p,\nc.png,,,q,\nd.png,x,,,\n'
    )
    return root


def test_a_manifest_is_summed_up(tmp_path: Path) -> None:
    look = examine(manifest(tmp_path / "films"))
    assert (look.guess.format, look.guess.how, look.films) == ("csv", "there is a manifest.csv", 4)
    assert (look.labels, look.unlabelled, look.splits) == ({"x": 2, "y": 1}, 1, {"": 3, "train": 1})
    assert (look.boxes.count, look.boxes.films, look.boxes.area_median) == (2, 1, pytest.approx((1 + 2) / 2 / 200))
    assert (look.patients, look.without_patient) == (2, 1)
    assert (look.smallest, look.median, look.largest) == ((10, 20), (30, 40), (60, 50))
    assert look.bits == {8: 2, 16: 1}
    assert [(file.path, file.reason) for file in look.broken] == [("d.png", "the file is empty")]
    by_file = examine(tmp_path / "films" / "manifest.csv")
    assert (by_file.labels, by_file.bits, by_file.guess.how) == (
        look.labels,
        look.bits,
        "manifest.csv has a column 'image'",
    )


def test_class_folders_in_an_unpacked_archive_are_found_and_loose_images_are_not_classes(tmp_path: Path) -> None:
    for k in range(6):
        save(tmp_path / "archive" / "films" / "ab"[k % 2] / f"{k}.png", marked((20, 10), None, seed=k))
        save(tmp_path / "loose" / f"{k}.JPG", marked((20, 10), None, seed=k))
    look = examine(tmp_path / "archive")
    assert (look.guess.format, look.guess.settings) == ("imagefolder", {"folder": tmp_path / "archive" / "films"})
    assert (look.labels, look.guess.how) == ({"a": 3, "b": 3}, "2 folders of images: a, b")
    loose = examine(tmp_path / "loose")
    assert (loose.labels, loose.unlabelled, loose.guess.format) == ({}, 6, "imagefolder")
    assert loose.needs.startswith("at least two classes; add them with a table")


def test_boxes_outside_cut_and_of_another_shape_are_counted(tmp_path: Path) -> None:
    films = []
    for k, (size, box) in enumerate(
        [
            ((100, 50), (10, 10, 20, 20)),
            ((100, 50), (90, 40, 110, 60)),
            ((100, 50), (100, 0, 120, 9)),
            ((60, 60), (1, 1, 9, 9)),
        ]
    ):
        save(tmp_path / f"{k}.png", marked((100, 50), None, seed=k))
        films.append((f"{k}.png", size, [("lesion", box)]))
    write_coco(tmp_path / "set.json", films)
    boxes = examine(tmp_path).boxes
    assert (boxes.count, boxes.films, boxes.outside, boxes.clipped, boxes.misfit) == (4, 4, 1, 1, 1)
    assert boxes.area_median == pytest.approx(100 / 5000)  # of 100, 10 x 10 and 0 pixels


def test_copies_across_splits_and_patients_in_two_are_told(tmp_path: Path) -> None:
    smooth = np.asarray(Image.fromarray(marked((9, 9), None, seed=7)).resize((90, 90), Image.Resampling.BICUBIC))
    save(tmp_path / "one.png", smooth)
    shutil.copy(tmp_path / "one.png", tmp_path / "two.png")
    Image.fromarray(smooth).resize((70, 70)).save(tmp_path / "small.jpg", quality=80)
    save(tmp_path / "other.png", marked((90, 90), None, seed=8))
    rows = [
        {"image": "one.png", "label": "x", "split": "train", "patient_id": "p"},
        {"image": "two.png", "label": "x", "split": "test", "patient_id": "q"},
        {"image": "small.jpg", "label": "y", "split": "val", "patient_id": "p"},
        {"image": "other.png", "label": "y", "split": "val", "patient_id": "r"},
    ]
    write_csv(tmp_path / "manifest.csv", rows, ("image", "label", "split", "patient_id"))
    look = examine(tmp_path)
    assert look.twins.identical == look.twins.across == (("one.png", "two.png"),)
    assert set(look.twins.near) == {("one.png", "small.jpg"), ("small.jpg", "two.png")}
    assert look.leaks == {"p": ("train", "val")}
    text = data.told(look)
    assert "IN TWO SPLITS: 1: p (train, val)" in text
    assert "IDENTICAL ACROSS SPLITS: 1 group: one.png = two.png" in text


def test_a_fingerprint_survives_brightness_and_not_a_mirror() -> None:
    film = Image.fromarray(np.asarray(Image.fromarray(marked((12, 12), None, seed=3)).resize((96, 96))))
    brighter = film.point(lambda value: min(255, value + 40))
    assert np.array_equal(fingerprint(film), fingerprint(brighter))
    mirrored = film.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    assert np.bitwise_count(fingerprint(film) ^ fingerprint(mirrored)).sum() > 60


def test_dicom_files_are_looked_at_with_hashed_patients(tmp_path: Path) -> None:
    for k in range(4):
        write(tmp_path / f"{k}.dcm", deep((40, 30), BOXES[0], seed=k), bits=12, PatientID=f"Kim{k // 2}")
    look = examine(tmp_path)
    assert (look.guess.format, look.bits, look.patients, look.decoded) == ("dicom", {12: 4}, 2, 4)
    assert "Kim" not in data.told(look) + json.dumps(data.plain(look))


def test_a_table_of_labels_in_the_folder_is_used_and_is_no_manifest(tmp_path: Path) -> None:
    for k in range(4):
        write(tmp_path / f"{k}.dcm", deep((40, 30), BOXES[0], seed=k), bits=12)
    write_csv(tmp_path / "labels.csv", [{"image": str(k), "label": "xy"[k % 2]} for k in range(4)], ("image", "label"))
    look = examine(tmp_path)
    assert look.guess.settings == {"folder": tmp_path, "labels": tmp_path / "labels.csv"}
    assert look.guess.how == "4 DICOM files such as 0.dcm, and labels in labels.csv"
    assert (look.labels, look.others) == ({"x": 2, "y": 2}, ())
    save(tmp_path / "png" / "a.png", marked((20, 10), None))
    write_csv(tmp_path / "png" / "mine.csv", [{"image": "a.png", "label": "x"}], ("image", "label"))
    assert examine(tmp_path / "png").guess.settings == {"manifest": tmp_path / "png" / "mine.csv"}


def test_only_some_films_are_decoded_unless_all_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("study.data.look.facts.DECODED_AT_MOST", 3)
    for k in range(9):
        save(tmp_path / "ab"[k % 2] / f"{k}.png", marked((20, 10), None, seed=k))
    look = examine(tmp_path)
    assert look.decoded == 3
    assert "0 cannot be used; decoded: 3 (all with --all)" in data.told(look)
    assert examine(tmp_path, every=True).decoded == 9
    assert "decoded: all" in data.told(examine(tmp_path, every=True))


def test_the_text_fits_eighty_columns_but_for_its_last_line(tmp_path: Path) -> None:
    look = examine(manifest(tmp_path / "a folder of films with a rather long name, as people have them"))
    *lines, last = data.told(look, start=tmp_path).splitlines()
    assert [line for line in lines[1:] if len(line) > 80 and str(tmp_path) not in line] == []
    assert (
        last
        == '  films: {format: csv, manifest: "a folder of films with a rather long name, as people have them/manifest.csv"}'
    )


def test_everything_found_is_plain_data(tmp_path: Path) -> None:
    plain = data.plain(examine(manifest(tmp_path)))
    assert '"area_median": 0.0075' in json.dumps(plain, allow_nan=False)
    assert plain["quarantined"] == [{"path": "d.png", "reason": "the file is empty"}]
    assert plain["size_px"]["largest"] == (60, 50)
    assert plain["splits"] == {"open": 3, "train": 1}


def test_the_contact_sheet_has_boxes_where_the_films_are_bright(tmp_path: Path) -> None:
    for k in range(3):
        save(tmp_path / f"어깨 {k}.png", marked((200, 100), (50, 25, 150, 75), seed=k))
    write_coco(
        tmp_path / "set.json", [(f"어깨 {k}.png", (200, 100), [("lesion", (50, 25, 150, 75))]) for k in range(3)]
    )
    look = examine(tmp_path)
    assert data.contact_sheet(look.found, tmp_path / "sheet.png") == 3
    with Image.open(tmp_path / "sheet.png") as image:
        sheet = np.asarray(image.convert("RGB")).astype(int)
    orange = (np.abs(sheet - (230, 159, 0)).sum(axis=2) < 30)[:, :228]
    ys, xs = np.nonzero(orange[:228])
    # 200 x 100 becomes 220 x 110, 55 rows below the top, 8 px from the corner of the sheet
    assert (xs.min(), ys.min(), xs.max(), ys.max()) == (8 + 55, 8 + 55 + 28, 8 + 165 - 1, 8 + 55 + 83 - 1)


def test_a_sheet_of_nothing_readable_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"no film can be read, so there is no contact sheet"):
        data.contact_sheet(examine(tmp_path).found, tmp_path / "sheet.png")


def test_nothing_there_says_what_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(
        DataError, match=r"holds neither films nor a description: expected are a manifest\.csv, images \("
    ):
        examine(tmp_path)
    with pytest.raises(DataError, match=r"notes\.txt is not a file that describes films"):
        examine(tmp_path / "notes.txt")
    with pytest.raises(DataError, match=r"nowhere does not exist"):
        examine(tmp_path / "nowhere")


def test_a_faulty_description_says_how_the_format_was_known(tmp_path: Path) -> None:
    save(tmp_path / "a.png", marked((20, 10), None))
    (tmp_path / "manifest.csv").write_text("image,lable\na.png,x\n")
    with pytest.raises(DataError) as error:
        examine(tmp_path)
    assert str(error.value).startswith(f"{tmp_path} looks like the format csv (there is a manifest.csv), but:\n")
    assert "did you mean 'label' by 'lable'?" in str(error.value)
