"""Films that may have several findings, or none: from NIH ChestX-ray14 and from a manifest."""

from pathlib import Path

import numpy as np
import pytest
from film_kit import assert_boxes_lie_on_bright_pixels, digest, marked, prepared, save
from pydantic import ValidationError
from test_data_nih14 import download

from study.data.findings import aimed, check_findings, counted_as, listed, record
from study.data.manifest import Row
from study.errors import DataError, UnsupportedError
from study.protocol.data import FINDINGS, CsvSettings, FilmSettings, Nih14Settings
from study.records import Findings

MASS, EDEMA = "Mass", "Edema"


def row(label: str, *, target: str = "", boxes: int = 0, line: int = 2) -> Row:
    return Row(line, "a.png", label, "", "", ((0.0, 0.0, 4.0, 4.0),) * boxes, None, target)


def manifest(folder: Path, rows: list[tuple[str, str, str]], count: int = 0) -> None:
    """Films `f00.png` ... with (label, target, boxes)."""
    lines = ["image,label,target,boxes"]
    for k, (label, target, boxes) in enumerate(rows):
        save(folder / "images" / f"f{k:02d}.png", marked((40, 40), (8, 8, 20, 20) if boxes else None, seed=k))
        lines.append(f'f{k:02d}.png,{label},{target},"{boxes}"')
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")


def csv_settings(**changes: object) -> FilmSettings:
    return CsvSettings(**{"manifest": "films", "multilabel": True, "classes": [MASS, EDEMA], **changes})  # type: ignore[arg-type]


def test_a_label_lists_findings_in_any_order_and_other_names_add_nothing() -> None:
    assert listed("Edema|Mass", (MASS, EDEMA)) == (0, 1)
    assert listed(" Edema | Cyst", (MASS, EDEMA)) == (1,)
    assert listed("No Finding", (MASS, EDEMA)) == ()
    assert counted_as(row("No Finding"), (MASS, EDEMA)) == (-1,)


def test_boxes_show_the_named_finding_or_the_only_one() -> None:
    rows, faults, left_out = aimed(
        [
            row("Mass|Edema", target=EDEMA, boxes=1),
            row("Mass", boxes=2),
            row("Mass|Edema"),
            row("Cyst|Edema", target="Cyst", boxes=1),
            row("No Finding", boxes=1),
        ],
        (MASS, EDEMA),
    )
    assert faults == []
    assert [r.target for r in rows] == [EDEMA, MASS, "", "", ""]
    assert [len(r.boxes) for r in rows] == [1, 2, 0, 0, 0]
    assert left_out == 2  # of Cyst, and of a film without findings
    found = record(rows, [True] * 5, (MASS, EDEMA))
    assert found.targets.tolist() == [1, 0, 0, 1, -1]
    assert found.present.astype(int).tolist() == [[1, 1], [1, 0], [1, 1], [0, 1], [0, 0]]
    unlabelled = record(rows, [False] * 5, (MASS, EDEMA))
    assert not unlabelled.present.any()
    assert set(unlabelled.targets) == {-1}


def test_boxes_that_could_show_either_finding_are_refused_with_their_lines(tmp_path: Path) -> None:
    manifest(tmp_path / "films", [("Mass|Edema", "", "[[8, 8, 20, 20]]"), ("Mass", EDEMA, ""), ("Edema", "", "")])
    with pytest.raises(DataError) as caught:
        prepared(csv_settings(), tmp_path)
    text = str(caught.value)
    assert "2 problems, nothing was read" in text
    assert "line 2  column 'target'\n           the film has boxes and 2 findings, Mass, Edema; name the one" in text
    assert "line 3  column 'target'\n           'Edema' is not among the film's labels, 'Mass'" in text


def test_a_manifest_with_several_findings_becomes_a_dataset(tmp_path: Path) -> None:
    kinds = [("Mass|Edema", EDEMA, "[[8, 8, 20, 20]]"), ("Mass", "", ""), ("Edema|Cyst", "", ""), ("none", "", "")]
    manifest(tmp_path / "films", [*(kinds * 6), ("", "", "")])
    dataset = prepared(csv_settings(), tmp_path, image_size=40)
    assert dataset.classes == (MASS, EDEMA)
    assert dataset.findings is not None
    assert dataset.findings.present[:4].astype(int).tolist() == [[1, 1], [1, 0], [0, 1], [0, 0]]
    assert dataset.targets[:4].tolist() == [1, 0, 1, -1]
    assert dataset.splits[24] == "unlabelled"
    assert_boxes_lie_on_bright_pixels(dataset, least=6)
    explained = dataset.explained
    assert {dataset.splits[k] for k in explained} == {"test"}
    assert (dataset.targets[explained] >= 0).all()
    assert len(explained) < len(dataset.rows("test"))  # films without findings are not explained
    counts = dataset.facts["films_by_finding"]
    assert {name: sum(counts[split][name] for split in counts) for name in (MASS, EDEMA)} == {MASS: 12, EDEMA: 12}
    assert sum(dataset.facts["films_without_finding"].values()) == 6


def test_the_targets_of_boxes_are_part_of_what_decides_the_films(tmp_path: Path) -> None:
    rows = [("Mass|Edema", EDEMA, "[[8, 8, 20, 20]]"), ("Mass", "", "")] * 8
    manifest(tmp_path / "films", rows)
    before = digest(csv_settings(), tmp_path)
    manifest(tmp_path / "films", [("Mass|Edema", MASS, "[[8, 8, 20, 20]]"), *rows[1:]])
    assert digest(csv_settings(), tmp_path) != before
    one_label = CsvSettings(manifest="films")
    assert "multilabel" not in one_label.model_dump()  # whose key stays what it was


def test_what_needs_one_label_per_film_is_refused(tmp_path: Path) -> None:
    manifest(tmp_path / "films", [("Mass", "", ""), ("Edema", "", ""), ("Mass|Edema", "", "")] * 5)
    dataset = prepared(csv_settings(), tmp_path)
    uses = (
        lambda labels: labels[0],
        lambda labels: labels == 1,
        lambda labels: len(labels),
        lambda labels: np.asarray(labels),
        lambda labels: list(labels),
    )
    for use in uses:
        with pytest.raises(UnsupportedError, match=r"dataset 'films': its films have several labels each or none"):
            use(dataset.labels)


def test_a_finding_that_no_label_names_is_told(tmp_path: Path) -> None:
    manifest(tmp_path / "films", [("Mass", "", ""), ("Edema", "", "")] * 5)
    with pytest.raises(DataError, match=r"setting `classes`:\n'Edma' is not a known label .*; did you mean 'Edema'\?"):
        prepared(csv_settings(classes=[MASS, "Edma"]), tmp_path)


def test_nih14_gives_every_film_its_findings_and_the_boxes_of_its_target(tmp_path: Path) -> None:
    download(tmp_path / "nih", 80)
    dataset = prepared(Nih14Settings(folder="nih", findings=("Effusion", "Infiltration")), tmp_path, image_size=64)
    assert dataset.findings is not None
    assert len(dataset.image_ids) == 80
    assert dataset.findings.present.sum(axis=0).tolist() == [40, 40]
    assert np.bincount(dataset.targets + 1).tolist() == [20, 40, 20]  # none, Effusion before Infiltration
    assert dataset.facts["boxes_of_other_findings"] == 20  # Infiltration's on films that explain Effusion
    effusion = np.flatnonzero(dataset.targets == 0)
    assert all(len(dataset.boxes[k]) == 1 for k in effusion)
    reversed_ = prepared(Nih14Settings(folder="nih", findings=("Infiltration", "Effusion")), tmp_path, image_size=64)
    assert np.bincount(reversed_.targets + 1).tolist() == [20, 40, 20]
    assert {reversed_.classes[reversed_.targets[k]] for k in effusion} == {"Effusion", "Infiltration"}


def test_all_fourteen_findings_are_there_even_where_few_films_were_downloaded(tmp_path: Path) -> None:
    download(tmp_path / "nih", 80)
    dataset = prepared(Nih14Settings(folder="nih", findings="all"), tmp_path)
    assert dataset.classes == FINDINGS
    assert len(FINDINGS) == 14
    undecided = dataset.facts["findings_all_or_none_have"]["test"]
    assert undecided == [name for name in FINDINGS if name not in ("Effusion", "Infiltration")]


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"findings": ["Efusion", "Mass"]}, r"'Efusion' is not a known finding; did you mean 'Effusion'\?"),
        ({"findings": ["Mass"]}, r"needs two or more different findings, or all; for one, use `finding`"),
        ({"findings": ["Mass", "Mass"]}, r"needs two or more different findings"),
        ({"findings": "all", "finding": "Mass"}, r"`findings` takes the place of `finding`; leave one of them out"),
        ({"findings": "all", "against": "others"}, r"takes the place of `against`"),
        ({"findings": "all", "classes": ["Mass", "Edema"]}, r"takes the place of `classes`"),
        ({"findings": "all", "others": "unlabelled"}, r"negative for all of them; leave `others` out"),
    ],
)
def test_settings_that_contradict_each_other_are_told(settings: dict[str, object], text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        Nih14Settings(**{"folder": "nih", **settings})  # type: ignore[arg-type]


@pytest.mark.parametrize("classes", [None, ["Mass"], ["Mass", "Mass"]])
def test_a_manifest_must_say_its_findings(classes: list[str] | None) -> None:
    with pytest.raises(ValidationError, match="multilabel: true needs `classes`, two or more different findings"):
        csv_settings(classes=classes)


def test_a_split_without_anything_to_tell_apart_is_refused() -> None:
    present = np.array([[1, 0], [0, 0], [1, 0], [1, 0], [0, 0], [1, 0]], dtype=bool)
    found = Findings(present, np.where(present[:, 0], 0, -1))
    splits = ("train", "train", "val", "val", "test", "test")
    text = r"there is none in val:\n  train: 2 films; Mass 1, Edema 0\n  val: 2 films; Mass 2, Edema 0\n  test: 2 films"
    with pytest.raises(DataError, match=text):
        check_findings(found, splits, (MASS, EDEMA))
    check_findings(found, ("train",) * 6, (MASS, EDEMA))  # for pretraining
