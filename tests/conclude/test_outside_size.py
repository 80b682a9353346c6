"""Score tables of a million rows: right, and a bounded number of bytes for each row."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

from score_tables import Size, measure, values, write_tables

BYTES_PER_ROW = 200
"""Of the process, beyond what a table of a hundredth of the rows needs: codes, numbers, and the reader's own blocks."""


@pytest.mark.slow
def test_a_million_rows_give_the_means_of_the_rows_in_bounded_memory(tmp_path: Path) -> None:
    size = Size(arms=3, seeds=5, images=7000, metrics=5, attributions=2)
    (tmp_path / "small").mkdir()
    little = measure(*write_tables(tmp_path / "small", size._replace(images=70), resamples=200))
    found = measure(*write_tables(tmp_path, size, resamples=200))
    assert found["rows"] == size.rows == 1_050_000
    for stage, most in (("read_mb", BYTES_PER_ROW), ("memory_mb", 2 * BYTES_PER_ROW)):
        grown = (found[stage] - little[stage]) * 2**20 / size.rows
        assert grown < most, f"{stage}: {grown:.0f} bytes per row"

    naive = {}
    for arm in range(size.arms):
        means = np.stack([values(size, arm, seed) for seed in range(size.seeds)]).mean(axis=(0, 3))
        names = [(a, m) for a in range(size.attributions) for m in range(size.metrics)]
        naive |= {f"arm_{arm}/method_{a:02d}/metric_{m:02d}": pytest.approx(means[a, m], abs=1e-12) for a, m in names}
    assert len(naive) == 30
    assert found["means"] == naive
