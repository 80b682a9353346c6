"""Places to run whole studies in."""

from pathlib import Path

import pytest
from workplace import Workplace


@pytest.fixture
def workplace(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path)


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """The shipped smoke study, finished; tests read it and never change it."""
    place = Workplace(tmp_path_factory.mktemp("smoke"))
    place.study("run", str(place.protocol()))
    return place
