"""The smallest study, from its protocol to its PDF: nothing is computed twice, nothing is made up."""

import re
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from pypdf import PdfReader
from workplace import Workplace

FILES = ("report.html", "report.pdf", "results.json", "contrasts.csv", "metrics.csv", "tables.tex")


def kinds(before: dict[str, Any], after: dict[str, Any]) -> Counter[str]:
    """Kinds of the stages that `after` has and `before` has not."""
    return Counter(manifest["recipe"]["kind"] for key, manifest in after.items() if key not in before)


def test_a_study_leaves_its_report_and_its_data(smoke: Workplace) -> None:
    folder = smoke.folder / "reports" / "smoke"
    assert [name for name in FILES if not (folder / name).is_file()] == []
    assert smoke.results()["counts"]["runs_finished"] == 4


def test_page_one_is_one_page_and_holds_the_primary_estimate(smoke: Workplace) -> None:
    first, second = PdfReader(smoke.folder / "reports/smoke/report.pdf").pages[:2]
    estimate = next(row["estimate"] for row in smoke.results()["contrasts"] if row["family"] == "primary")
    shown = f"{estimate:+.3f}".replace("-", "−")
    assert shown in first.extract_text()
    assert "Design" in second.extract_text()


def test_no_undefined_number_reaches_the_page(smoke: Workplace) -> None:
    text = "".join(page.extract_text() for page in PdfReader(smoke.folder / "reports/smoke/report.pdf").pages)
    assert not re.search(r"\b(nan|None|inf)\b|−0\.0+(?![\d.])", text)


def test_every_number_of_the_pdf_is_in_the_results(smoke: Workplace) -> None:
    text = "".join(page.extract_text() for page in PdfReader(smoke.folder / "reports/smoke/report.pdf").pages)
    known: set[str] = set()
    stack: list[Any] = [smoke.results()]
    while stack:
        item = stack.pop()
        stack += list(item.values()) if isinstance(item, dict) else item if isinstance(item, list) else []
        known |= {f"{abs(item):.{digits}f}" for digits in (3, 4, 5)} if isinstance(item, float) else set()
    shown = set(re.findall(r"(?<![\d.])\d\.\d{3,5}(?![\d.])", text))
    assert len(shown) > 50
    assert shown <= known


@pytest.mark.slow
def test_a_second_call_computes_nothing(smoke: Workplace) -> None:
    before = smoke.objects()
    report = (smoke.folder / "reports/smoke/report.pdf").read_bytes()
    began = time.monotonic()
    said = smoke.study("run", "smoke.yaml")
    assert time.monotonic() - began < 20
    assert smoke.objects() == before
    assert "report (unchanged)" in said
    assert (smoke.folder / "reports/smoke/report.pdf").read_bytes() == report


NOTES = """\
title: {en: Where the maps lie, ko: 맵의 위치}
arms: {mae_random: MAE (random)}
questions: ["Is it fair?"]
decisions: [Buy seeds]
plan: ["Kim: five more seeds, until 22 April"]
by_hand: [shoulder-test-00003, {shoulder-test-00004: the marker is in the box}]
remarks: {s5: A remark of ours.}
"""


@pytest.mark.slow
def test_a_report_is_written_again_with_notes_and_without_images_and_shown(smoke: Workplace, tmp_path: Path) -> None:
    place = Workplace(tmp_path)
    folders = ("--runs", str(smoke.folder / "runs"), "--reports", "reports")
    pdf = tmp_path / "reports/smoke/report.pdf"
    (tmp_path / "notes.yaml").write_text(NOTES, encoding="utf8")
    place.study("report", str(place.protocol()), *folders, "--lang", "both")
    first = " ".join(" ".join(page.extract_text().split()) for page in PdfReader(pdf).pages)
    for words in (
        "report 1",
        "Where the maps lie",
        "맵의 위치",
        "This is the first report",
        "Buy seeds",
        "A remark of ours.",
    ):
        assert words in first
    for words in (
        "Is it fair?",
        "Kim: five more seeds",
        "Chosen by hand",
        "shoulder-test-00004: the marker is in the box",
    ):
        assert words in first
    picked = [row for row in place.results()["gallery"] if row["rule"] == "hand"]
    assert [row["image_id"] for row in picked] == ["shoulder-test-00003", "shoulder-test-00004"]
    assert all(set(row["values"]) == {"baseline", "mae_random"} for row in picked)
    page = (tmp_path / "reports/smoke/report.html").read_text("utf8")
    assert page.count("data:image/jpeg") == (6 + 2) * (1 + 2) + 2  # and a film of the chest data, bare and masked

    (tmp_path / "notes.yaml").unlink()
    place.study("report", str(place.protocol(report={"languages": ["en"], "images": False})), *folders)
    second = " ".join(" ".join(page.extract_text().split()) for page in PdfReader(pdf).pages)
    assert "report 2" in second
    assert "Nothing changed since report 1." in second
    assert "8 (no images given)" in second
    assert place.results()["gallery"] == []
    assert "data:image/jpeg" not in (tmp_path / "reports/smoke/report.html").read_text("utf8")
    assert (tmp_path / "reports/smoke/earlier/001/report.pdf").is_file()

    before = pdf.stat().st_mtime_ns
    shown = place.study("report", "smoke.yaml", *folders, "--show", "--lang", "both")
    assert shown.index("Read this before quoting") < shown.index("인용하기 전에")
    assert "인용하기 전에" not in place.study("report", "smoke.yaml", *folders, "--show")
    assert pdf.stat().st_mtime_ns == before
    said = place.study("report", "smoke.yaml", "--reports", "none", "--show", code=2)
    assert said == "none/smoke: there is no report yet; first: study report smoke\n"


@pytest.mark.slow
def test_only_what_is_new_is_computed(workplace: Workplace) -> None:
    plain = yaml.safe_load(workplace.protocol().read_text(encoding="utf8"))
    path = workplace.protocol(dispatch={"cluster": "inline"})
    workplace.study("run", str(path))
    first = workplace.objects()

    workplace.protocol(measure=[*plain["measure"], "complexity", "deletion_lerf"], dispatch={"cluster": "inline"})
    workplace.study("run", str(path))
    second = workplace.objects()
    assert kinds(first, second) == {"perturb": 4 * 2, "measure": 4 * 2 * 2}
    assert {
        m["recipe"]["metric"] for k, m in second.items() if k not in first and m["recipe"]["kind"] == "measure"
    } == {
        "complexity",
        "deletion_lerf",
    }

    workplace.protocol(seeds=3, dispatch={"cluster": "inline"})
    workplace.study("run", str(path))
    third = workplace.objects()
    assert kinds(second, third)["finetune"] == 2
    assert kinds(second, third)["mae"] == 1
    assert kinds(second, third)["data"] == 0

    arms = {**plain["arms"], "proxy": [plain["arms"]["mae_random"][0], "rotation", {"finetune": {"epochs": 2}}]}
    workplace.protocol(arms=arms, dispatch={"cluster": "inline"})
    workplace.study("run", str(path))
    fourth = kinds(third, workplace.objects())
    assert (fourth["mae"], fourth["rotation"], fourth["finetune"], fourth["data"]) == (0, 2, 2, 0)


@pytest.mark.slow
def test_local_workers_and_the_calling_process_find_the_same(smoke: Workplace, workplace: Workplace) -> None:
    workplace.study("run", str(workplace.protocol()), "--cluster", "inline")
    findings = "reports/smoke/findings/findings.json"
    assert (workplace.folder / findings).read_bytes() == (smoke.folder / findings).read_bytes()
    assert workplace.objects().keys() == smoke.objects().keys()
    for key, manifest in workplace.objects().items():
        theirs = smoke.objects()[key]["files"]
        assert {n: f for n, f in manifest["files"].items() if n != "timing.json"} == {
            n: f for n, f in theirs.items() if n != "timing.json"
        }
