"""Studies on image files: broken ones are named, real ones work."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from workplace import ROOT, Workplace


def write_films(folder: Path) -> None:
    """48 small films of 24 patients with boxes, one of them 16 bit, and four files that cannot be read."""
    generator = np.random.default_rng(7)
    images = folder / "images"
    images.mkdir(parents=True)
    rows = []
    for number in range(48):
        label = number % 2
        film = generator.normal(100, 20, (40, 36)).clip(0, 255)
        film[10:20, 8:18] += 60 * label
        name = f"film{number:02d}.png"
        if number == 5:
            Image.fromarray((film.clip(0, 255) * 257).astype(np.uint16)).save(images / name)
        else:
            Image.fromarray(film.clip(0, 255).astype(np.uint8)).save(images / name)
        rows.append(
            [name, ("healthy", "ill")[label], "", f"patient{number // 2 // 2 * 2 + label}", "[[8, 10, 18, 20]]"]
        )
    whole = (images / "film00.png").read_bytes()
    (images / "truncated.png").write_bytes(whole[: len(whole) // 3])
    (images / "empty.png").write_bytes(b"")
    (images / "words.png").write_text("this is not an image", encoding="utf8")
    rows += [
        [name, "ill", "", f"lost-{name}", "[]"] for name in ("truncated.png", "empty.png", "words.png", "gone.png")
    ]
    with (folder / "manifest.csv").open("w", newline="", encoding="utf8") as file:
        csv.writer(file).writerows([["image", "label", "split", "patient_id", "boxes"], *rows])


@pytest.mark.slow
def test_broken_and_sixteen_bit_files_give_a_study_and_a_list(workplace: Workplace) -> None:
    write_films(workplace.folder / "films")
    path = workplace.protocol(
        data={"films": {"format": "csv", "manifest": "films/manifest.csv"}},
        target="films",
        arms={
            "baseline": [{"finetune": {"epochs": 2}}],
            "mae_random": [{"mae": {"data": "films", "epochs": 2}}, {"finetune": {"epochs": 2}}],
        },
    )
    workplace.study("run", str(path))
    results = workplace.results()
    assert results["counts"]["runs_finished"] == 4
    page = (workplace.folder / "reports/smoke/report.html").read_text(encoding="utf8")
    for name in ("truncated.png", "empty.png", "words.png", "gone.png"):
        assert name in page


@pytest.mark.slow
def test_the_real_chest_films_make_a_study(shared: Path, workplace: Workplace) -> None:
    films = shared / "data" / "cxr-lungs" / "manifest.csv"
    protocol = ROOT / "tests" / "real" / "cxr_lungs.yaml"
    workplace.study("run", str(protocol), "--data", str(films), "--seeds", "1", "--image-size", "32")
    results = workplace.results("cxr_lungs")
    assert results["counts"]["runs_finished"] == 3
    assert results["counts"]["images_used"] > 50
    findings = json.loads((workplace.folder / "reports/cxr_lungs/findings/findings.json").read_text("utf8"))
    assert findings
