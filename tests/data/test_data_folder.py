"""What `study new` is told of a folder."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from study import data
from study.errors import DataError
from study.protocol.data import CsvSettings


def film(path: Path, *, size: tuple[int, int] = (20, 10), seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, size[::-1]).astype(np.uint8)).save(path)


def test_a_manifest_is_summed_up(tmp_path: Path) -> None:
    film(tmp_path / "images" / "a.png", size=(10, 20))
    film(tmp_path / "images" / "b.png", size=(30, 40))
    Image.fromarray(np.zeros((50, 60), dtype=np.uint16)).save(tmp_path / "images" / "c.png")
    (tmp_path / "images" / "d.png").write_bytes(b"")
    (tmp_path / "manifest.csv").write_text(
        'image,label,split,patient_id,boxes\na.png,x,train,p,"[[0,0,1,1],[2,2,3,3]]"\nb.png,y,,p,\nc.png,,,q,\nd.png,x,,,\n'
    )
    facts = data.describe(tmp_path)
    assert facts == replace(data.describe(tmp_path / "manifest.csv"), folder=tmp_path)
    assert (facts.layout, facts.films, facts.labels, facts.unlabelled) == ("manifest", 4, {"x": 2, "y": 1}, 1)
    assert (facts.splits, facts.films_with_boxes, facts.boxes, facts.patients) == ({"": 3, "train": 1}, 1, 2, 2)
    assert (facts.smallest, facts.median, facts.largest) == ((10, 20), (30, 40), (60, 50))
    assert facts.bits == {8: 2, 16: 1}
    assert [(file.path, file.reason) for file in facts.broken] == [("d.png", "the file is empty")]
    assert facts.images == tmp_path / "images"


def test_class_folders_become_a_manifest_that_can_be_used(tmp_path: Path) -> None:
    for k in range(12):
        film(tmp_path / "films" / "ab"[k % 2] / f"{k}.png", seed=k)
    film(tmp_path / "films" / "unlabelled" / "u.png", seed=99)
    film(tmp_path / "films" / ".cache" / "hidden.png")
    facts = data.describe(tmp_path / "films")
    assert (facts.layout, facts.films, facts.labels, facts.unlabelled) == ("class_folders", 13, {"a": 6, "b": 6}, 1)
    assert facts.manifest is None
    assert data.write_manifest(tmp_path / "films", tmp_path / "films" / "manifest.csv") == 13
    out = tmp_path / "out"
    out.mkdir()
    settings = CsvSettings(manifest="films").model_dump(mode="json")
    data.prepare("films", settings, image_size=32, root=tmp_path, out=out)
    dataset = data.load(out)
    assert dataset.classes == ("a", "b")
    assert len(dataset.rows("unlabelled")) == 1
    assert dataset.image_ids[0] == "a/0.png"


def test_folders_named_after_splits_become_splits(tmp_path: Path) -> None:
    for name in ("train/normal/a.png", "valid/normal/b.png", "test/fracture/c.png"):
        film(tmp_path / name)
    assert data.describe(tmp_path).splits == {"test": 1, "train": 1, "val": 1}
    assert data.describe(tmp_path).labels == {"fracture": 1, "normal": 2}
    data.write_manifest(tmp_path, tmp_path / "manifest.csv")
    assert (tmp_path / "manifest.csv").read_text() == (
        "image,label,split,patient_id,boxes\n"
        "test/fracture/c.png,fracture,test,,\ntrain/normal/a.png,normal,train,,\nvalid/normal/b.png,normal,val,,\n"
    )


def test_loose_images_are_unlabelled(tmp_path: Path) -> None:
    film(tmp_path / "a.png")
    film(tmp_path / "b.JPG")
    facts = data.describe(tmp_path)
    assert (facts.layout, facts.films, facts.unlabelled, facts.labels) == ("loose", 2, 2, {})


def test_a_manifest_is_never_replaced(tmp_path: Path) -> None:
    film(tmp_path / "a.png")
    (tmp_path / "manifest.csv").write_text("mine")
    with pytest.raises(DataError, match=r"manifest\.csv exists already and is not replaced; move it away first"):
        data.write_manifest(tmp_path, tmp_path / "manifest.csv")
    assert (tmp_path / "manifest.csv").read_text() == "mine"


def test_a_folder_without_films_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds neither a manifest\.csv nor images \(\.bmp, "):
        data.describe(tmp_path)
    with pytest.raises(DataError, match=r"nowhere is not a folder; a folder of images"):
        data.describe(tmp_path / "nowhere")
