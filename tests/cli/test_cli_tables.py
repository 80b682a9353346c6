"""`study analyse` and `study compare` as a user calls them: in processes of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
ANALYSIS = """study: {study}
question: Does MAE help?
reference: baseline
metrics: [energy_pg]
analysis: {{primary: {{attribution: gradcam, metric: energy_pg}}, margins: {{energy_pg: {margin}}}, resamples: 200}}
"""


class Ended(NamedTuple):
    code: int
    out: str
    err: str


def study(folder: Path, *words: str) -> Ended:
    env = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "400", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "study", *words]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    return Ended(done.returncode, done.stdout, done.stderr)


def write(folder: Path, name: str, *, margin: float = 0.03, shift: float = 0.06) -> None:
    """A table of two arms, three seeds and ten films whose values can be worked out by hand."""
    rows = ["arm,seed,image_id,attribution,metric,value"]
    for arm, better in (("baseline", 0.0), ("mae", shift)):
        for seed in range(3):
            for film in range(10):
                wobble = 0.001 * ((film * 7 + seed * 3 + len(arm)) % 5)
                rows.append(
                    f"{arm},{seed},f{film},gradcam,energy_pg,{0.3 + 0.02 * film + better + wobble + 0.002 * seed:.6f}"
                )
    (folder / f"{name}.csv").write_text("\n".join(rows) + "\n", encoding="utf8")
    (folder / f"{name}.yaml").write_text(ANALYSIS.format(study=name, margin=margin), encoding="utf8")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two analyses, one of them in two versions."""
    folder = tmp_path_factory.mktemp("tables")
    write(folder, "one")
    write(folder, "two", shift=0.03)
    for name in ("one", "two"):
        ended = study(folder, "analyse", f"{name}.csv", "--protocol", f"{name}.yaml")
        assert ended.code == 0, ended.err
    write(folder, "one", margin=0.09)
    assert study(folder, "analyse", "one.csv", "--protocol", "one.yaml", "--lang", "both").code == 0
    return folder


@pytest.mark.slow
def test_analyse_ends_with_a_report(place: Path) -> None:
    ended = study(place, "analyse", "one.csv", "--protocol", "one.yaml", "--lang", "both")
    assert (ended.code, ended.err) == (0, "")
    assert "report (unchanged): reports/one/report.pdf" in ended.out
    assert "changes of the protocol since it was locked: 1;" in ended.out
    results = json.loads((place / "reports/one/results.json").read_text(encoding="utf8"))
    assert results["languages"] == ["en", "ko"]
    assert results["contrasts"][0]["estimate"] == pytest.approx(0.06, abs=0.003)


@pytest.mark.slow
def test_mistakes_end_with_code_2_and_without_a_traceback(place: Path) -> None:
    (place / "bad.csv").write_text((place / "one.csv").read_text().replace(",0.4", ",0,4"), encoding="utf8")
    ended = study(place, "analyse", "bad.csv", "--protocol", "one.yaml", "--reports", "elsewhere")
    assert (ended.code, ended.out) == (2, "")
    assert "is it a decimal comma" in ended.err
    assert "Traceback" not in ended.err
    assert not (place / "elsewhere").exists()
    assert study(place, "analyse", "one.csv", "--protocol", "one.yaml", "--lang", "kr").code == 2


@pytest.mark.slow
def test_versions_of_one_study_are_compared(place: Path) -> None:
    ended = study(place, "compare", "one@1", "one")
    assert ended.code == 0, ended.err
    assert "What changed from one@1 to one@2" in ended.out
    assert "analysis.margins.energy_pg: 0.03 → 0.09" in ended.out
    assert "no interval: versions of one study are not independent" in ended.out


@pytest.mark.slow
def test_two_studies_are_compared_by_name_folder_and_file(place: Path) -> None:
    ended = study(place, "compare", "one", "reports/two", "--json", "both.json")
    assert ended.code == 0, ended.err
    data = json.loads((place / "both.json").read_text(encoding="utf8"))
    [row] = data["contrasts"]
    assert row["difference"] == pytest.approx(-0.03, abs=1e-9)
    assert row["ci_low"] < -0.03 < row["ci_high"]
    assert "never pooled" in " ".join(ended.out.split())
    assert study(place, "compare", "reports/one/results.json", "two", "--lang", "ko").code == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("onne", "there is no report 'onne', as a path or in reports/; did you mean 'one'?\nknown: one, two\n"),
        ("one@7", "there is no report 'one@7'\nknown: one@1, one@2\n"),
        ("one@first", "known: one@1, one@2"),
        ("one.yaml", "cannot be read as a report's results"),
    ],
)
def test_a_bad_name_ends_with_code_2_and_what_exists(place: Path, name: str, words: str) -> None:
    ended = study(place, "compare", name, "two")
    assert (ended.code, ended.out) == (2, "")
    assert words in ended.err
