"""Workers must find the toy stages, so their folder goes on PYTHONPATH."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def toy_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
