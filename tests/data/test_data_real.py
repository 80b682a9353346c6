"""Real films beside the checkout."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from study import data
from study.errors import DataError
from study.protocol.data import CsvSettings

pytestmark = pytest.mark.shared


def prepared(shared: Path, out: Path, name: str, **settings: Any) -> Any:
    plain = CsvSettings(manifest=f"{name}/manifest.csv", **settings).model_dump(mode="json")
    if not (shared / "data" / name).is_dir():
        pytest.skip(f"no {name} in ../shared/data")
    data.prepare("films", plain, image_size=64, root=shared / "data", out=out)
    return data.load(out)


@pytest.mark.slow
def test_chest_films_are_divided_by_patient_and_class(shared: Path, tmp_path: Path) -> None:
    films = prepared(shared, tmp_path, "cxr-lungs", classes=("other-pneumonia", "covid-19"))
    assert len(films.image_ids) + sum(films.facts["left_out"].values()) == 355
    assert films.facts["left_out"]["label outside the chosen classes"] == 6
    for split, share in (("train", 0.5), ("val", 0.2), ("test", 0.3)):
        counts = Counter(films.labels[films.rows(split)].tolist())
        assert counts[0] == pytest.approx(68 * share, abs=2)
        assert counts[1] == pytest.approx(197 * share, abs=2)
    patients = [{films.clusters[row] for row in films.rows(split)} for split in ("train", "val", "test")]
    assert sum(map(len, patients)) == len(set.union(*patients))
    assert all(len(boxes) == 2 for boxes in films.boxes)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=1).sum() for boxes in films.boxes]
    assert np.median(areas) / 64**2 > 0.4


def test_fractures_without_a_test_split_are_explained_and_can_be_divided_anew(shared: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no 'fracture' in test:") as error:
        prepared(shared, tmp_path, "fracatlas-mini")
    assert "set split: {given: ignore} to divide films anew" in str(error.value)
    films = prepared(shared, tmp_path, "fracatlas-mini", split={"given": "ignore"})
    assert Counter(films.splits) == {"train": 47, "val": 18, "test": 29}
    assert films.quarantined == ()
    assert [len(boxes) > 0 for boxes in films.boxes] == (films.labels == films.classes.index("fracture")).tolist()
