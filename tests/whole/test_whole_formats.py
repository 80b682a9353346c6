"""A study on DICOM files: from the folder to the report, with no patient's id in it."""

import csv
import sys
from pathlib import Path

import numpy as np
import pytest
from workplace import Workplace

sys.path.append(str(Path(__file__).parents[1] / "data"))
from dicom_kit import write


def write_films(folder: Path) -> None:
    """48 films of 24 patients, 12 bit and half of them inverted, one truncated, and a table of labels and boxes."""
    generator = np.random.default_rng(7)
    rows = []
    for number in range(48):
        label = number // 2 % 2
        film = generator.normal(1600, 300, (40, 36))
        film[10:20, 8:18] += 900 * label
        pixels = film.clip(0, 4095).astype(np.uint16)
        inverted = number % 3 == 0
        write(
            folder / f"{number:02d}.dcm",
            4095 - pixels if inverted else pixels,
            bits=12,
            photometric="MONOCHROME1" if inverted else "MONOCHROME2",
            PatientID=f"SECRET-{number // 2}",
            WindowCenter=2047.5,
            WindowWidth=4096,
        )
        rows.append([f"{number:02d}", ("healthy", "ill")[label], "[[8, 10, 18, 20]]"])
    whole = (folder / "00.dcm").read_bytes()
    (folder / "truncated.dcm").write_bytes(whole[:-1000])
    with (folder / "labels.csv").open("w", newline="", encoding="utf8") as file:
        csv.writer(file).writerows([["image", "label", "boxes"], *rows])


@pytest.mark.slow
def test_a_study_on_dicom_files_names_broken_ones_and_no_patients(workplace: Workplace) -> None:
    write_films(workplace.folder / "films")
    path = workplace.protocol(
        data={"films": {"format": "dicom", "folder": "films", "labels": "films/labels.csv"}},
        target="films",
        arms={
            "baseline": [{"finetune": {"epochs": 2}}],
            "mae_random": [{"mae": {"data": "films", "epochs": 2}}, {"finetune": {"epochs": 2}}],
        },
    )
    workplace.study("run", str(path))
    results = workplace.results()
    assert results["counts"]["runs_finished"] == 4
    assert results["datasets"]["films"]["patients"] == 24
    reports = workplace.folder / "reports" / "smoke"
    assert "truncated.dcm" in (reports / "report.html").read_text(encoding="utf8")
    texts = [file for file in reports.rglob("*") if file.suffix in (".html", ".json", ".csv", ".tex")]
    assert len(texts) > 3
    assert [file for file in texts if "SECRET" in file.read_text(encoding="utf8")] == []
