"""What a protocol says of films in every format, and what of it is part of a key."""

from collections.abc import Callable
from pathlib import Path

import pytest

from study.errors import ProtocolError
from study.plan import recipes
from study.protocol import read
from study.protocol.data import CsvSettings, DicomSettings, MasksSettings
from study.registry import FORMATS

Write = Callable[..., Path]
PHANTOM = "shoulder: {format: phantom, anatomy: shoulder, train: 20, val: 10, test: 10}"
FILMS = [name for name in FORMATS if name not in ("phantom", "csv")]


def refused(path: Path) -> str:
    with pytest.raises(ProtocolError) as error:
        read(path)
    return str(error.value)


@pytest.mark.parametrize("name", FILMS)
def test_every_format_is_a_target_by_its_folder_alone(name: str, write: Write, tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    protocol = read(write(PHANTOM, f"shoulder: {{format: {name}, folder: films}}"))
    assert protocol.data["shoulder"].model_dump()["format"] == name


@pytest.mark.parametrize("name", FILMS)
def test_a_folder_that_is_not_there_and_a_single_class_are_refused(name: str, write: Write) -> None:
    text = refused(write(PHANTOM, f"shoulder: {{format: {name}, folder: nowhere, classes: [a]}}"))
    assert "data.shoulder.folder\n           'nowhere' does not exist" in text
    assert "data.shoulder.classes\n           the target needs at least two different classes" in text


def test_a_setting_of_another_format_is_unknown(write: Write, tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    text = refused(write(PHANTOM, "shoulder: {format: dicom, folder: films, windwo: voi}"))
    assert "'windwo' is not a known key; did you mean 'window'?" in text
    text = refused(write(PHANTOM, "shoulder: {format: yolo, folder: films, label: categories}"))
    assert (
        "found 'categories', which is not allowed; did you mean 'category'?\n           allowed: any_box, category"
        in text
    )


def test_concepts_need_masks_which_the_format_masks_has(write: Write, tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    concepts = ("measure: [energy_pg, insertion]", "measure: [energy_pg, insertion]\nconcepts: {layers: [1]}")
    assert read(write(PHANTOM, "shoulder: {format: masks, folder: films}", *concepts)).concepts
    text = refused(write(PHANTOM, "shoulder: {format: imagefolder, folder: films}", *concepts))
    assert "the target has no part masks to look for" in text


def test_places_are_no_part_of_a_key_and_choices_are() -> None:
    one, other = (
        recipes.data(DicomSettings(folder=folder, labels=f"{folder}/labels.csv"), image_size=64, digest="sha256:0")
        for folder in ("here", "there")
    )
    assert one == other
    full = recipes.data(DicomSettings(folder="here", window="full"), image_size=64, digest="sha256:0")
    assert full["settings"]["window"] == "full"
    assert full != one


def test_the_key_of_a_manifest_is_what_it_was() -> None:
    settings = CsvSettings(manifest="films.csv").model_dump(mode="json", exclude=set(CsvSettings.paths))
    assert set(settings) == {"format", "classes", "others", "split", "resize", "max_quarantined"}


def test_only_formats_with_masks_have_parts() -> None:
    assert MasksSettings(folder="films").has_parts
    assert CsvSettings(manifest="films.csv", parts="masks").has_parts
    assert not CsvSettings(manifest="films.csv").has_parts
    assert not DicomSettings(folder="films").has_parts
