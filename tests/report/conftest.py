"""The made-up report, rendered once for all tests that read it."""

import json
from typing import Any

import pytest
from report_builder import Made, made_up

from study.records import ReportInput
from study.report import render
from study.report.notes import Notes
from study.report.render import RenderedReport
from study.report.results import Results
from study.report.results import results as make_results


@pytest.fixture(scope="session")
def report() -> ReportInput:
    return made_up()


@pytest.fixture(scope="session")
def results(report: ReportInput) -> Results:
    return make_results(report, Notes())


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> RenderedReport:
    small = Made(models=("vit_small",), metrics=("ehr", "energy_pg", "insertion", "deletion"))
    return render(made_up(small), tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="session")
def rendered_results(rendered: RenderedReport) -> Any:
    return json.loads(rendered.results.read_text(encoding="utf8"))
