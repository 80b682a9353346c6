"""A small NIH ChestX-ray14, laid out as it is downloaded."""

from pathlib import Path

import pytest
from film_kit import assert_boxes_lie_on_bright_pixels, marked, named, prepared, save

from study import data
from study.errors import DataError
from study.protocol.data import Nih14Settings

FINDINGS = ("No Finding", "Effusion", "Effusion|Infiltration", "Infiltration")
ON_1024 = (256, 512, 512, 768)


def download(root: Path, count: int = 40) -> None:
    """Films of 128 px (1024 / 8), two per patient; the last quarter is the official test list."""
    entries = ["Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender"]
    boxes = ["Image Index,Finding Label,Bbox [x,y,w,h],,,"]
    for k in range(count):
        name, findings = f"{k // 2:08d}_{k % 2:03d}.png", FINDINGS[k // 2 % 4]
        has = "Effusion" in findings
        pixels = marked((128, 128), (32, 64, 64, 96) if has else None, seed=k)
        save(root / f"images_{k % 3 + 1:03d}" / "images" / name, pixels)
        entries.append(f"{name},{findings},{k % 2},{k // 2},060Y,M")
        if has:
            boxes.append(f"{name},Effusion,256,512,256,256,,,")
        if "Infiltration" in findings:
            boxes.append(f"{name},Infiltrate,600,600,100,100,,,")
    names = [f"{k // 2:08d}_{k % 2:03d}.png" for k in range(count)]
    (root / "Data_Entry_2017_v2020.csv").write_text("\n".join(entries) + "\n")
    (root / "BBox_List_2017.csv").write_text("\n".join(boxes) + "\n")
    (root / "train_val_list.txt").write_text("\n".join(names[: count * 3 // 4]))
    (root / "test_list.txt").write_text("\n".join(names[count * 3 // 4 :]))


def test_one_finding_against_none_with_the_official_test_films(tmp_path: Path) -> None:
    download(tmp_path / "nih", 80)
    dataset = prepared(Nih14Settings(folder="nih", finding="Effusion"), tmp_path, image_size=64)
    assert dataset.classes == ("No Finding", "Effusion")
    assert dataset.facts["left_out"] == {"label outside the chosen classes": 20}
    assert_boxes_lie_on_bright_pixels(dataset, least=40)
    assert dataset.facts["films_with_boxes_drawn_on_another_size"] == 40
    test = {dataset.image_ids[row].rpartition("/")[2] for row in dataset.rows("test")}
    assert test <= set((tmp_path / "nih" / "test_list.txt").read_text().split())
    assert len(test) == 14  # 20 are listed, 6 of them have Infiltration only
    assert set(dataset.splits) == {"train", "val", "test"}
    train, val = ({dataset.clusters[row] for row in dataset.rows(split)} for split in ("train", "val"))  # type: ignore[arg-type]
    assert train.isdisjoint(val)


def test_other_findings_may_be_pretrained_on_or_count_as_negative(tmp_path: Path) -> None:
    download(tmp_path / "nih", 80)
    unlabelled = prepared(Nih14Settings(folder="nih", finding="Effusion", others="unlabelled"), tmp_path)
    assert unlabelled.classes == ("No Finding", "Effusion")
    assert len(unlabelled.rows("unlabelled")) == 14  # 6 of the 20 are test films and left out
    against = prepared(Nih14Settings(folder="nih", finding="Effusion", against="others"), tmp_path)
    assert against.classes == ("no Effusion", "Effusion")
    assert named(against).count("no Effusion") == 40
    infiltration = prepared(Nih14Settings(folder="nih", finding="Infiltration"), tmp_path)
    assert sum(len(boxes) for boxes in infiltration.boxes) == 40  # called Infiltrate in the list of boxes


def test_without_a_finding_all_films_are_for_pretraining(tmp_path: Path) -> None:
    download(tmp_path / "nih")
    dataset = prepared(Nih14Settings(folder="nih"), tmp_path)
    assert (dataset.classes, set(dataset.splits)) == ((), {"unlabelled"})
    assert len(dataset.image_ids) == 30  # never those of the test list


def test_films_that_were_not_downloaded_are_counted(tmp_path: Path) -> None:
    download(tmp_path / "nih", 80)
    for path in (tmp_path / "nih" / "images_002" / "images").iterdir():
        path.unlink()
    dataset = prepared(Nih14Settings(folder="nih", finding="Effusion"), tmp_path)
    assert dataset.facts["left_out"]["listed, but its file is not there"] == 27


def test_what_is_missing_or_unknown_is_told(tmp_path: Path) -> None:
    download(tmp_path / "nih")
    with pytest.raises(DataError, match=r"'Efusion' is not a known finding; did you mean 'Effusion'\?"):
        prepared(Nih14Settings(folder="nih", finding="Efusion"), tmp_path)
    (tmp_path / "nih" / "test_list.txt").unlink()
    with pytest.raises(
        DataError, match=r"train_val_list\.txt is there, but not test_list\.txt; put it beside the other"
    ):
        prepared(Nih14Settings(folder="nih", finding="Effusion"), tmp_path)
    (tmp_path / "nih" / "Data_Entry_2017_v2020.csv").write_text("Image Index,Patient\na.png,1\n")
    with pytest.raises(DataError, match=r"no column Finding Labels, Patient ID, or no rows"):
        prepared(Nih14Settings(folder="nih"), tmp_path)
    (tmp_path / "nih" / "Data_Entry_2017_v2020.csv").unlink()
    with pytest.raises(DataError, match=r"one file named Data_Entry_2017\*\.csv is expected, found none"):
        prepared(Nih14Settings(folder="nih"), tmp_path)


def test_it_is_recognised(tmp_path: Path) -> None:
    download(tmp_path / "nih", 8)
    guess = data.guesses(tmp_path / "nih")[0]
    assert (guess.format, guess.settings["finding"]) == ("nih14", "Effusion")
