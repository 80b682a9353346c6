"""Every golden set that is there, one after the other."""

import pytest
from golden_set import GoldenSet, golden_folders


@pytest.fixture(scope="module", params=golden_folders() or [None], ids=lambda folder: folder.name if folder else "none")
def golden(request: pytest.FixtureRequest) -> GoldenSet:
    if request.param is None:
        pytest.skip("no golden set: neither ../shared beside this checkout nor GOLDEN_SETS")
    return GoldenSet(request.param)
