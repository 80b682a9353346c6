"""How long score tables made elsewhere take, and how much memory: `python tests/benchmarks/score_tables.py`.

Makes a table of as many rows as asked for (default: 10,080,000: 6 arms x 5 seeds x 2,000 images x 12 metrics x
14 attributions), reads and analyses it in a process of its own, and prints seconds and the highest memory that the
kernel saw of that process (VmHWM). Fails above 60 s or 4 GB. The report is not part of it; its time depends on the
contrasts, not on the rows.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

LONGEST_S, MOST_MB = 60, 4096
"""What reading and analysing ten million rows may take."""
MEASURE = """
import json, sys, time
from pathlib import Path
began = time.perf_counter()
from study.conclude.outside import analyse, read_outside
from study.protocol import Lock
loaded = time.perf_counter()
highest = lambda: int(dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())["VmHWM"].split()[0]) / 1024
found = read_outside(Path(sys.argv[1]), Path(sys.argv[2]))
read, read_mb = time.perf_counter(), highest()
analysis = analyse(found, Lock("", "", (), ()))
done = time.perf_counter()
means = {"/".join((m.arm, m.attribution, m.metric)): m.mean for m in analysis.means[:: max(len(analysis.means) // 50, 1)]}
print(json.dumps({"rows": found.scores.n_rows, "import_s": loaded - began, "read_s": read - loaded,
                  "analyse_s": done - read, "read_mb": read_mb, "memory_mb": highest(), "cpu_s": time.process_time(),
                  "contrasts": len(analysis.findings), "means": means}))
"""


class Size(NamedTuple):
    """How many of each there are."""

    arms: int = 6
    seeds: int = 5
    images: int = 2000
    metrics: int = 12
    attributions: int = 14

    @property
    def rows(self) -> int:
        """Rows of the table."""
        return self.arms * self.seeds * self.images * self.metrics * self.attributions


def values(size: Size, arm: int, seed: int) -> np.typing.NDArray[np.float64]:
    """[attributions, metrics, images] of one run: films differ, runs have luck, the last arm is better."""
    shape = (size.attributions, size.metrics, size.images)
    film = np.random.default_rng(1).normal(0, 0.12, shape)
    rng = np.random.default_rng([2, arm, seed])
    luck = rng.normal(0, 0.01, shape[:2])[..., None]
    return np.asarray(np.round(0.5 + film + luck + 0.01 * arm + rng.normal(0, 0.08, shape), 6))


def write_tables(folder: Path, size: Size, suffix: str = ".csv", resamples: int = 10_000) -> tuple[Path, Path]:
    """The score table, one run at a time, and its analysis file."""
    scores, protocol = folder / f"scores{suffix}", folder / "analysis.yaml"
    names = {
        "image_id": [f"film_{i:05d}" for i in range(size.images)],
        "metric": [f"metric_{i:02d}" for i in range(size.metrics)],
        "attribution": [f"method_{i:02d}" for i in range(size.attributions)],
    }
    shape = (size.attributions, size.metrics, size.images)
    places = dict(zip(("attribution", "metric", "image_id"), np.indices(shape, dtype=np.int32), strict=True))
    columns = {name: pa.DictionaryArray.from_arrays(pa.array(at.ravel()), names[name]) for name, at in places.items()}
    columns = {name: array.cast(pa.string()) for name, array in columns.items()}
    n = int(np.prod(shape))
    writer: Any = None
    for arm in range(size.arms):
        for seed in range(size.seeds):
            run = values(size, arm, seed).ravel()
            who = {"arm": pa.array([f"arm_{arm}"] * n), "seed": pa.array([seed] * n)}
            table = pa.table({**who, **columns, "value": pa.array(run)})
            if writer is None:
                kind = pyarrow.parquet.ParquetWriter if suffix == ".parquet" else pyarrow.csv.CSVWriter
                writer = kind(str(scores), table.schema)
            writer.write_table(table)
    writer.close()
    facts = "\n".join(f"  {name}: {{higher_is_better: true}}" for name in names["metric"])
    protocol.write_text(
        "study: large\nquestion: How long does it take?\nreference: arm_0\nmetrics:\n"
        f"{facts}\nanalysis:\n  primary: {{attribution: method_00, metric: metric_00}}\n"
        f"  resamples: {resamples}\n",
        encoding="utf8",
    )
    return scores, protocol


def measure(scores: Path, protocol: Path) -> dict[str, Any]:
    """Seconds, MB and some means of reading and analysing the table in a process of its own."""
    command = [sys.executable, "-c", MEASURE, str(scores), str(protocol)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> int:
    """Make, measure, print; 1 where it takes too long or too much memory."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--images", type=int, default=2000, help="images; 200 gives a tenth of the rows")
    parser.add_argument("--suffix", default=".csv", choices=(".csv", ".parquet"))
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scores, protocol = write_tables(Path(folder), Size(images=asked.images), asked.suffix)
        megabytes = scores.stat().st_size / 1e6
        found = measure(scores, protocol)
    total = found["read_s"] + found["analyse_s"]
    print(f"{found['rows']:,} rows, {megabytes:.0f} MB {asked.suffix}, {found['contrasts']} contrasts")
    print(f"read {found['read_s']:.1f} s, analysed {found['analyse_s']:.1f} s, together {total:.1f} s")
    print(f"highest memory {found['read_mb']:.0f} MB after reading, {found['memory_mb']:.0f} MB at the end")
    print(f"processor time {found['cpu_s']:.1f} s; promised: at most {LONGEST_S} s and {MOST_MB} MB")
    return int(total > LONGEST_S or max(found["read_mb"], found["memory_mb"]) > MOST_MB)


if __name__ == "__main__":
    sys.exit(main())
