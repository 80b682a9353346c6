"""The csv format from files to a dataset."""

import io
import json
import os
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from study import data
from study.errors import DataError
from study.protocol.data import CsvSettings
from study.records import Dataset


class Films:
    """A folder of hand-made films and their manifest."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: list[dict[str, Any]] = []
        (folder / "images").mkdir(parents=True)

    def add(self, name: str, pixels: Any = None, **row: Any) -> None:
        """One film; without pixels one of its own that no other film equals."""
        if pixels is None:
            pixels = np.random.default_rng(len(self.rows)).integers(0, 255, (40, 60)).astype(np.uint8)
        if isinstance(pixels, bytes):
            (self.folder / "images" / name).write_bytes(pixels)
        else:
            Image.fromarray(pixels).save(self.folder / "images" / name)
        self.rows.append({"image": name, **row})

    def study(self, count: int = 20) -> "Films":
        """Films of two classes, one patient each."""
        for k in range(count):
            self.add(f"film{k:02d}.png", label="ab"[k % 2], patient_id=f"p{k}")
        return self

    def write(self) -> None:
        columns = ("image", "label", "split", "patient_id", "boxes")
        lines = [",".join(columns)]
        for row in self.rows:
            cells = [str(row.get(column, "")).replace('"', '""') for column in columns]
            lines.append(",".join(f'"{cell}"' for cell in cells))
        (self.folder / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf8")

    def prepare(self, *, image_size: int = 32, **settings: Any) -> Dataset:
        self.write()
        out = self.folder / f"out{len(list(self.folder.iterdir()))}"
        out.mkdir()
        data.prepare("films", plain(**settings), image_size=image_size, root=self.folder, out=out)
        assert sorted(path.name for path in out.iterdir()) == ["facts.json", "images.npy", "table.parquet"]
        return data.load(out)

    def digest(self) -> str:
        self.write()
        return data.digest(plain(), root=self.folder)


def plain(**settings: Any) -> dict[str, Any]:
    return CsvSettings(**{"manifest": "manifest.csv", **settings}).model_dump(mode="json")


@pytest.fixture
def films(tmp_path: Path) -> Films:
    return Films(tmp_path / "films")


def test_a_manifest_becomes_a_dataset(films: Films) -> None:
    films.study(20).add("extra.png", boxes="[[0, 0, 30, 20]]")
    films.rows[0]["boxes"] = "[[30, 20, 60, 40], [0, 0, 6, 4]]"
    dataset = films.prepare()
    assert dataset.images.shape == (21, 32, 32)
    assert dataset.images.dtype == np.uint8
    assert not dataset.images.flags.writeable
    assert dataset.classes == ("a", "b")
    assert Counter(dataset.splits) == {"train": 10, "val": 4, "test": 6, "unlabelled": 1}
    assert dataset.image_ids == tuple(sorted(row["image"] for row in films.rows))
    row = dataset.image_ids.index("film00.png")
    # 60 x 40 becomes 32 x 21 with 5 black rows above
    assert dataset.boxes[row].tolist() == [[16, 16, 32, 26], [0, 5, 3, 7]]
    assert not dataset.images[row, :5].any()
    assert dataset.boxes[row + 1].shape == (0, 4)
    assert dataset.clusters[row] == "p0"
    assert dataset.clusters[dataset.image_ids.index("extra.png")] == "extra.png"
    assert dataset.labels[dataset.image_ids.index("film03.png")] == 1
    assert dataset.parts is None


def test_mean_and_std_never_see_val_or_test_films(films: Films) -> None:
    dataset = films.study(20).prepare()
    seen = dataset.images[dataset.rows("train", "unlabelled")] / 255
    assert dataset.mean == pytest.approx(seen.mean())
    assert dataset.std == pytest.approx(seen.std())


def test_the_order_of_the_rows_changes_nothing(films: Films) -> None:
    films.study(20)
    before, digest = films.prepare(), films.digest()
    films.rows.reverse()
    after = films.prepare()
    assert np.array_equal(before.images, after.images)
    assert (before.splits, before.image_ids) == (after.splits, after.image_ids)
    assert films.digest() == digest


def test_broken_files_are_quarantined_with_their_reasons(films: Films) -> None:
    films.study(20)
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.uint8)).save(buffer, "PNG")
    films.add("truncated.png", buffer.getvalue()[:2000], label="a")
    films.add("empty.png", b"", label="a")
    films.add("text.png", b"this is no image", label="b")
    films.rows.append({"image": "absent.png", "label": "b"})
    (films.folder / "images" / "folder.png").mkdir()
    films.rows.append({"image": "folder.png", "label": "b"})
    dataset = films.prepare()
    assert {file.path: file.reason for file in dataset.quarantined} == {
        "absent.png": "the file does not exist",
        "empty.png": "the file is empty",
        "folder.png": "cannot be read (Is a directory)",
        "text.png": "not an image of a known kind",
        "truncated.png": "the file is truncated",
    }
    assert len(dataset.image_ids) == 20
    assert np.array_equal(dataset.images, Films(films.folder / "again").study(20).prepare().images)


def test_too_many_broken_files_stop_the_preparation(films: Films) -> None:
    films.study(6)
    for k in range(7):
        films.rows.append({"image": f"gone{k}.png", "label": "a"})
    with pytest.raises(DataError) as error:
        films.prepare()
    text = str(error.value)
    assert "7 of 13 files cannot be used, more than max_quarantined allows (0.5):" in text
    assert "\n  gone6.png: the file does not exist\n" in text
    assert text.endswith("is this the folder of the images? (setting `images`)")


def test_one_film_of_sixteen_bits_makes_the_dataset_sixteen_bits(films: Films) -> None:
    films.study(20)
    films.add("deep.png", np.full((32, 32), 4095, dtype=np.uint16))
    films.add("mid.png", np.full((32, 32), 1024, dtype=np.uint16))
    films.add("flat.png", np.full((32, 32), 100, dtype=np.uint8))
    Image.fromarray(np.full((32, 32), 0.5, dtype=np.float32)).save(films.folder / "images" / "unit.tif")
    films.rows.append({"image": "unit.tif"})
    dataset = films.prepare()
    grey = {
        name: dataset.images[dataset.image_ids.index(name)] for name in ("deep.png", "mid.png", "flat.png", "unit.tif")
    }
    assert dataset.images.dtype == np.uint16
    # twelve bits hold every value of the deep films, so 4095 is white for all of them
    assert (grey["deep.png"] == 65535).all()
    assert (grey["mid.png"] == round(1024 * 65535 / 4095)).all()
    assert (grey["flat.png"] == 100 * 257).all()
    assert (grey["unit.tif"] == 32768).all()
    assert (dataset.facts["source_bits"], dataset.facts["deep_films"]) == (12, 3)
    seen = dataset.images[dataset.rows("train", "unlabelled")] / 65535
    assert (dataset.mean, dataset.std) == pytest.approx((seen.mean(), seen.std()))


def test_boxes_are_those_of_the_upright_film(films: Films) -> None:
    films.study(20)
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    Image.new("L", (80, 40)).save(buffer, "JPEG", exif=exif)
    films.add("turned.jpg", buffer.getvalue(), boxes="[[0, 40, 40, 80]]")
    dataset = films.prepare()
    # upright it is 40 x 80: the lower half of a film that fills the middle of the square
    assert dataset.boxes[dataset.image_ids.index("turned.jpg")].tolist() == [[8, 16, 24, 32]]


def test_films_may_be_stretched(films: Films) -> None:
    films.study(20)
    films.rows[0]["boxes"] = "[[0, 0, 30, 40]]"
    dataset = films.prepare(resize="stretch")
    assert dataset.boxes[0].tolist() == [[0, 0, 16, 32]]
    assert dataset.images[:, 0].any()


def test_a_box_beside_its_film_is_refused_with_line_and_size(films: Films) -> None:
    films.study(20)
    films.rows[4]["boxes"] = "[[60, 0, 70, 10]]"
    with pytest.raises(
        DataError,
        match=r"line 6  column 'boxes'\n\s+\[60.0, 0.0, 70.0, 10.0\] lies outside the film, "
        r"which has 60 x 40 pixels",
    ):
        films.prepare()


def test_labels_outside_the_classes_are_dropped_or_pretrained_on(films: Films) -> None:
    films.study(20).add("other.png", label="c")
    dropped = films.prepare(classes=("b", "a"))
    assert dropped.classes == ("b", "a")
    assert dropped.labels[dropped.image_ids.index("film00.png")] == 1
    assert "other.png" not in dropped.image_ids
    assert dropped.facts["left_out"] == {"label outside the chosen classes": 1}
    used = films.prepare(classes=("b", "a"), others="unlabelled")
    row = used.image_ids.index("other.png")
    assert (used.splits[row], used.labels[row]) == ("unlabelled", -1)


def test_an_unknown_class_is_refused_with_the_nearest_label(films: Films) -> None:
    films.study(4).add("x.png", label="fracture")
    with pytest.raises(DataError, match=r"'fractur' is not a known label of the manifest; did you mean 'fracture'\?"):
        films.prepare(classes=("a", "fractur"))


def test_unlabelled_films_of_a_test_patient_are_left_out_and_counted(films: Films) -> None:
    films.study(20)
    for k in range(20):
        films.add(f"more{k:02d}.png", patient_id=f"p{k}")
    dataset = films.prepare()
    assert Counter(dataset.splits) == {"train": 10, "val": 4, "test": 6, "unlabelled": 10}
    assert dataset.facts["left_out"] == {"unlabelled film of a val or test patient": 10}
    held_out = {dataset.clusters[row] for row in dataset.rows("val", "test")}
    assert held_out.isdisjoint({dataset.clusters[row] for row in dataset.rows("train", "unlabelled")})


def test_an_unlabelled_copy_of_a_test_film_is_left_out(films: Films) -> None:
    films.study(20)
    for row in films.rows:
        shutil.copy(films.folder / "images" / row["image"], films.folder / "images" / f"copy-{row['image']}")
    films.rows += [{"image": f"copy-{row['image']}"} for row in films.rows]
    dataset = films.prepare()
    assert Counter(dataset.splits) == {"train": 10, "val": 4, "test": 6, "unlabelled": 10}
    assert dataset.facts["identical_files"] == 20


def test_given_splits_are_kept_or_ignored(films: Films) -> None:
    films.study(12)
    for k, row in enumerate(films.rows):
        row["split"] = ("train", "val", "test")[k // 2 % 3]
    dataset = films.prepare()
    assert dataset.splits == tuple(row["split"] for row in films.rows)
    anew = films.prepare(split={"given": "ignore", "val": 0.5, "test": 0.25})
    assert Counter(anew.splits) == {"train": 4, "val": 6, "test": 2}
    assert anew.splits != dataset.splits


def test_a_patient_in_two_given_splits_stops_the_preparation(films: Films) -> None:
    films.study(12)
    for k, row in enumerate(films.rows):
        row["split"] = ("train", "val", "test")[k // 2 % 3]
    films.rows[0]["patient_id"] = films.rows[2]["patient_id"]
    with pytest.raises(DataError, match=r"patient p2: train and val"):
        films.prepare()


def test_a_class_with_two_patients_cannot_be_divided(films: Films) -> None:
    films.study(20).add("rare1.png", label="rare")
    films.add("rare2.png", label="rare")
    with pytest.raises(DataError, match=r"there is no 'rare' in val:"):
        films.prepare()


def test_films_without_any_label_are_for_pretraining(films: Films) -> None:
    for k in range(4):
        films.add(f"{k}.png")
    dataset = films.prepare()
    assert dataset.classes == ()
    assert set(dataset.splits) == {"unlabelled"}
    assert dataset.labels.tolist() == [-1] * 4


def test_a_manifest_of_which_nothing_is_left_is_refused(films: Films) -> None:
    films.add("a.png", split="test")
    with pytest.raises(DataError, match=r"no film is left; unlabelled films that belong to val or test are not used"):
        films.prepare()
    films.rows[0] |= {"split": "", "label": "x"}
    with pytest.raises(DataError, match=r"no film is left, all 1 have labels outside the setting `classes`"):
        films.prepare(classes=())


def test_blank_training_films_are_refused(films: Films) -> None:
    films.add("black.png", np.zeros((8, 8), dtype=np.uint8))
    with pytest.raises(DataError, match=r"data 'films': every film for training is blank \(grey 0.000 everywhere\)"):
        films.prepare()


def test_the_digest_follows_content_and_not_place_or_time(films: Films, tmp_path: Path) -> None:
    digest = films.study(4).digest()
    assert digest.startswith("sha256:")
    assert len(digest) == 7 + 64
    moved = tmp_path / "elsewhere"
    shutil.copytree(films.folder, moved)
    for path in (moved / "images").iterdir():
        os.utime(path, (1, 1))
    assert data.digest(plain(), root=moved) == digest
    assert data.digest(plain(manifest="elsewhere", images="films/images"), root=tmp_path) == digest


@pytest.mark.parametrize("change", ["pixels", "label", "split", "patient_id", "boxes", "absent"])
def test_the_digest_sees_every_change_that_matters(films: Films, change: str) -> None:
    digest = films.study(4).digest()
    if change == "pixels":
        films.add("film00.png", np.zeros((4, 4), dtype=np.uint8))
        films.rows.pop()
    elif change == "absent":
        (films.folder / "images" / "film00.png").unlink()
    else:
        films.rows[0][change] = {"boxes": "[[0, 0, 1, 1]]", "split": "val"}.get(change, "b")
    assert films.digest() != digest


def test_equal_boxes_written_differently_have_one_digest(films: Films) -> None:
    films.study(4).rows[0]["boxes"] = "[[1,2,3,4]]"
    digest = films.digest()
    films.rows[0]["boxes"] = "[[1.0, 2, 3, 4.00]]"
    assert films.digest() == digest


def test_images_are_found_beside_the_manifest_in_images_or_where_named(films: Films, tmp_path: Path) -> None:
    films.study(20).write()
    beside = tmp_path / "beside"
    shutil.copytree(films.folder / "images", beside)
    shutil.copy(films.folder / "manifest.csv", beside)
    for settings in (
        {"manifest": "beside"},
        {"manifest": "films/manifest.csv"},
        {"manifest": "films/manifest.csv", "images": "beside"},
    ):
        out = tmp_path / f"out{len(list(tmp_path.iterdir()))}"
        out.mkdir()
        data.prepare("films", plain(**settings), image_size=32, root=tmp_path, out=out)
        assert len(data.load(out).image_ids) == 20
    with pytest.raises(DataError, match=r"nowhere \(setting `images`\) is not a folder"):
        data.digest(plain(manifest="films", images="nowhere"), root=tmp_path)


def test_facts_are_plain_data_that_json_can_hold(films: Films) -> None:
    facts = films.study(20).prepare().facts
    assert json.loads(json.dumps(facts)) == facts
    assert facts["patients"] == 20
    assert facts["divided_by"] == "patient"
    assert facts["resize"] == "letterbox"
