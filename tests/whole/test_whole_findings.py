"""Films with several findings each, from NIH ChestX-ray14's layout to a report, and on to a shoulder."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from workplace import Workplace

FINDINGS = ("Cardiomegaly", "Effusion", "Hernia")
PLACES = {"Cardiomegaly": (10, 22, 8, 20), "Effusion": (28, 38, 22, 34), "Hernia": (4, 10, 28, 36)}
SIDE = 40


def write_nih(folder: Path, films: int = 120) -> dict[str, set[str]]:
    """Films of 1024 / 40 px a pixel: a bright place per finding; two per patient, the last quarter is for testing.

    Hernia is on one film for training only, so that its AUC is undefined elsewhere.
    """
    draw = np.random.default_rng(3)
    images = folder / "images_001" / "images"
    images.mkdir(parents=True)
    entries, boxes, found = [], [], {}
    for k in range(films):
        name = f"{k // 2:08d}_{k % 2:03d}.png"
        own = [finding for finding in FINDINGS[:2] if draw.random() < 0.45] + (["Hernia"] if k == 3 else [])
        film = draw.normal(90, 15, (SIDE, SIDE))
        for finding in own:
            top, bottom, left, right = PLACES[finding]
            film[top:bottom, left:right] += 70
            scale = 1024 / SIDE
            if finding != "Hernia" and k % 3:
                boxes.append([name, finding, left * scale, top * scale, (right - left) * scale, (bottom - top) * scale])
        Image.fromarray(film.clip(0, 255).astype(np.uint8)).save(images / name)
        entries.append([name, "|".join(own) or "No Finding", 0, k // 2])
        found[name] = set(own)
    tables = {
        "Data_Entry_2017_v2020.csv": [["Image Index", "Finding Labels", "Follow-up #", "Patient ID"], *entries],
        "BBox_List_2017.csv": [["Image Index", "Finding Label", "Bbox [x", "y", "w", "h]"], *boxes],
    }
    for file, rows in tables.items():
        with (folder / file).open("w", newline="") as out:
            csv.writer(out).writerows(rows)
    names = sorted(found)
    (folder / "train_val_list.txt").write_text("\n".join(names[: films * 3 // 4]))
    (folder / "test_list.txt").write_text("\n".join(names[films * 3 // 4 :]))
    return found


@pytest.mark.slow
def test_a_study_of_several_findings_goes_all_the_way(workplace: Workplace) -> None:
    found = write_nih(workplace.folder / "nih")
    path = workplace.protocol(
        data={"nih": {"format": "nih14", "folder": "nih", "findings": list(FINDINGS)}},
        target="nih",
        models=["densenet_phantom"],
        arms={
            "baseline": [{"finetune": {"epochs": 4, "lr": 0.003}}],
            "balanced": [{"finetune": {"epochs": 4, "lr": 0.003, "class_weights": "balanced", "mixup": 0.2}}],
            "mae_probe": [{"mae": {"data": "nih", "epochs": 1}}, "linear_probe"],
        },
        explain=["gradcam", "iba", "control_random"],
        measure=["energy_pg", {"insertion": {"steps": 8}}, {"deletion": {"steps": 8}}, "average_drop", "class_sensitivity"],
        analysis={
            "primary": {"attribution": "gradcam", "metric": "energy_pg"},
            "resamples": 1000,
            "classification": ["auc", "accuracy", "ece", "brier", "auc[class=Effusion]"],
        },
    )  # fmt: skip
    workplace.study("run", str(path))
    results = workplace.results()
    assert results["counts"]["runs_finished"] == 6
    facts = results["datasets"]["nih"]
    test = {name for name in found if name in (workplace.folder / "nih" / "test_list.txt").read_text().split()}
    assert facts["test_labels"] == {name: sum(name in found[film] for film in test) for name in FINDINGS}
    assert facts["test_explained"] == sum(bool(found[film]) for film in test) < len(test)
    means = {(row["arm"], row["attribution"], row["metric"]): row for row in results["means"]}
    areas = [means["baseline", "", f"auc[class={name}]"]["mean"] for name in FINDINGS[:2]]
    assert means["baseline", "", "auc"]["mean"] == pytest.approx(np.mean(areas))
    assert means["baseline", "", "auc"]["mean"] > 0.8
    assert means.get(("baseline", "", "auc[class=Hernia]"), {}).get("mean") is None
    assert 0 < means["baseline", "", "brier"]["mean"] < 0.3
    for metric in ("energy_pg", "insertion[steps=8]", "average_drop"):
        assert means["baseline", "gradcam", metric]["n_images"] > 0
    tested = {(row["metric"], row["treatment"]) for row in results["contrasts"] if row["estimate"] is not None}
    assert {("auc", "balanced"), ("auc[class=Effusion]", "balanced"), ("energy_pg", "mae_probe")} <= tested
    page = (workplace.folder / "reports/smoke/report.html").read_text(encoding="utf8")
    assert f"Effusion (n = {facts['test_labels']['Effusion']})" in page
    assert "No AUC, as all test images have the finding or none does: Hernia." in page
    assert "Films with each finding (nih)." in page
    assert "classes_left_out" in str(results["contrasts"])
    predictions = [
        pd.read_parquet(file.parent / "predictions.parquet")
        for file in (workplace.folder / "runs" / "objects").glob("*/*/predictions.parquet")
    ]
    assert len(predictions) == 6
    for table in predictions:
        own = table.set_index(table["image_id"].str.rpartition("/")[2])
        for k, name in enumerate(FINDINGS):
            assert own[f"y_{k}"].to_dict() == {film: int(name in found[film]) for film in own.index}


@pytest.mark.slow
def test_findings_of_chests_are_learnt_before_the_shoulder(workplace: Workplace) -> None:
    write_nih(workplace.folder / "nih", films=80)
    path = workplace.protocol(
        data={
            "nih": {"format": "nih14", "folder": "nih", "findings": list(FINDINGS)},
            "shoulder": {"format": "phantom", "anatomy": "shoulder", "train": 24, "val": 12, "test": 12, "effect": 3.0},
        },
        arms={
            "baseline": [{"finetune": {"epochs": 1}}],
            "chest_labels": [{"supervised": {"data": "nih", "epochs": 1, "cutmix": 1.0}}, {"finetune": {"epochs": 1}}],
        },
    )
    workplace.study("run", str(path))
    results = workplace.results()
    assert results["counts"]["runs_finished"] == 4
    assert results["datasets"]["nih"]["films_by_finding"]["train"]["Hernia"] == 1
    assert "several_labels" not in results["datasets"]["shoulder"]
    assert not [name for name in results["metrics"] if "class=" in name]
