"""One film under a mask of every kind: from the stages to the page."""

import base64
import json
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from PIL import Image

from study.conclude.masks import mask_examples
from study.records import MaskExample
from study.report.mask_sheet import mask_sheet

WHOLE = np.full((16, 16), 40, np.uint8)


class Stored:
    """A store of stages with their facts."""

    def __init__(self, folder: Path, facts: dict[str, dict[str, Any]]) -> None:
        self.root, self.facts = folder, facts
        for key, found in facts.items():
            (folder / key).mkdir()
            (folder / key / "facts.json").write_text(json.dumps(found))

    def has(self, key: str) -> bool:
        return key in self.facts

    def folder(self, key: str) -> Path:
        return self.root / key


def stage(data: str, **settings: Any) -> Any:
    return SimpleNamespace(recipe={"settings": settings}, parents={"data": data}, places={})


def named(name: str) -> Any:
    return SimpleNamespace(places={"name": name})


def films(*splits: str) -> Any:
    images = np.stack([np.full((16, 16), 10 * place + 10, np.uint8) for place in range(len(splits))])

    def rows(*wanted: str) -> Any:
        return np.flatnonzero(np.isin(splits, wanted))

    return SimpleNamespace(images=images, rows=rows)


def facts(*rows: str) -> dict[str, Any]:
    return {"mask_example": list(rows), "masked_central": 0.9, "masked_remainder": 0.6}


def test_every_kind_is_shown_once_on_a_film_that_was_pretrained_on(tmp_path: Path) -> None:
    stages = {
        "chest": named("chest"),
        "bones": named("bones"),
        "r0": stage("chest", masking="random", mask_ratio=0.75),
        "r1": stage("chest", masking="random", mask_ratio=0.75),
        "c0": stage("bones", masking="center", mask_ratio=0.5),
        "half": stage("chest", masking="random", mask_ratio=0.5),
        "fit": stage("bones", epochs=3),
        "old": stage("chest", masking="grid", mask_ratio=0.75),
        "lost": stage("chest", masking="edge", mask_ratio=0.75),
    }
    made = {"r0": facts("10", "11"), "r1": facts("01", "11"), "c0": facts("10", "01"), "half": facts("00", "11")}
    store = Stored(tmp_path, {**made, "fit": {}, "old": {"masked_central": 0.7}})
    training = (("r0", "fit"), ("r1", "fit"), ("c0", "fit"), ("half", "fit"), ("old", "fit"), ("lost", "fit"))
    plan: Any = SimpleNamespace(stages=stages, runs=[SimpleNamespace(training=keys) for keys in training])
    datasets: Any = {"chest": films("train", "unlabelled"), "bones": films("test", "val", "train")}
    found = mask_examples(plan, store, datasets)  # type: ignore[arg-type]
    assert [(each.data, each.masking, each.ratio) for each in found] == [
        *(("chest", "random", 0.75), ("chest", "random", 0.5), ("bones", "center", 0.5)),
    ]
    assert [each.image[0, 0] for each in found] == [20, 20, 30]
    assert found[0].hidden.tolist() == [[True, False], [True, True]]


def example(masking: str, ratio: float, hidden: Any, data: str = "chest") -> MaskExample:
    return MaskExample(data, masking, ratio, WHOLE, np.array(hidden, bool), 0.9, 0.6)


def pixels(source: str) -> Any:
    with Image.open(BytesIO(base64.b64decode(source.partition(",")[2]))) as picture:
        return np.asarray(picture.convert("L")).astype(int)


def test_hidden_patches_are_grey_and_the_others_show_the_film() -> None:
    sheet = mask_sheet([example("random", 0.25, [[1, 0], [0, 0]])])
    assert sheet is not None
    film, masked = (pixels(panel.source) for panel in sheet.panels)
    side = film.shape[0]
    assert abs(film - 36).max() <= 3  # nine tenths of the film's grey, as in the gallery
    assert abs(masked[5 : side // 2 - 5, 5 : side // 2 - 5] - 150).max() <= 12  # JPEG
    assert abs(masked[side // 2 + 5 :, :] - 36).max() <= 3


def test_the_title_says_what_is_hidden_in_the_centre_and_elsewhere() -> None:
    sheet = mask_sheet([example("center", 0.75, [[1, 0]]), example("random", 0.5, [[1, 0]], "bones")])
    assert sheet is not None
    assert [panel.title.en for panel in sheet.panels] == [
        "chest",
        "center 75 %: 90% / 60%",
        "bones",
        "random 50 %: 90% / 60%",
    ]
    assert sheet.panels[1].title.ko == "중앙 75 %: 90% / 60%"
    assert not sheet.printed


def test_studies_of_masks_print_them_and_studies_without_have_none() -> None:
    kinds = [example(masking, 0.75, [[1, 0]]) for masking in ("random", "center", "edge")]
    sheet = mask_sheet(kinds)
    assert sheet is not None
    assert sheet.printed
    assert mask_sheet([]) is None
