"""What a command costs on a study of about 2,000 stages that are all done: `python tests/benchmarks/dispatch_overhead.py`.

Makes the study for real (some minutes: 20 small classifiers, 8 methods, 8 metrics, and its report), then times
whole processes, the start of Python included: `study run`, which must find that nothing is to be done, `plan` and
`status`. Beside them the hashes of films, read and remembered. Ends with exit code 1 where the goal is missed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from study.cli.options import open_protocol
from study.data import fingerprint

GOAL_S = 3.0
REPEATS = 3
FILMS, FILM_BYTES = 2000, 1_000_000
PROTOCOL = """\
study: overhead
question: What does it cost to see that nothing is to be done?
data:
  shoulder: {format: phantom, anatomy: shoulder, train: 32, val: 16, test: 8, effect: 3.0}
target: shoulder
image_size: 32
models: [vit_phantom]
arms:
  baseline: [finetune: {epochs: 1}]
  long: [finetune: {epochs: 2}]
reference: baseline
seeds: 10
explain: [gradcam, saliency, input_x_gradient, hirescam, layercam, gradcampp, control_random, control_center]
measure: [ehr, energy_pg, pointing_game, relevance_rank_accuracy, insertion: {steps: 4}, deletion: {steps: 4}, complexity, coherency]
analysis:
  primary: {attribution: gradcam, metric: energy_pg}
  resamples: 200
report: {languages: [en]}
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="make and keep the study here; default: a temporary folder")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "overhead.yaml").write_text(PROTOCOL, encoding="utf8")
        took = timed(folder, "run")
        os.chdir(folder)
        stages = len(open_protocol("overhead.yaml", Path("runs")).plan.stages)
        print(f"{stages} stages made in {took:.0f} s")
        best = {name: min(timed(folder, name) for _ in range(REPEATS)) for name in ("run", "plan", "status")}
        for name, seconds in best.items():
            print(f"study {name:<8} {seconds:6.2f} s")
        hashes(folder / "films")
    print(f"goal: study run in {GOAL_S:g} s: {'met' if best['run'] <= GOAL_S else 'MISSED'}")
    return int(best["run"] > GOAL_S)


def timed(folder: Path, command: str) -> float:
    """Seconds of one whole process."""
    began = time.perf_counter()
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "study", command, "overhead.yaml"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"study {command} ended with {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return time.perf_counter() - began


def hashes(folder: Path) -> None:
    """Print how long the hashes of films take when they are read, and when they are remembered."""
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{n}.png" for n in range(FILMS)]
    for path in paths:
        path.write_bytes(os.urandom(FILM_BYTES))
    time.sleep(fingerprint.SETTLED_S + 0.1)
    for name in ("read", "remembered"):
        fingerprint._MEMORY = fingerprint._Memory()
        began = time.perf_counter()
        with fingerprint.remembered(folder / "digests.json"):
            fingerprint.files_sha256(paths)
        print(f"{FILMS} films of {FILM_BYTES / 1e6:g} MB {name}: {time.perf_counter() - began:.2f} s")


if __name__ == "__main__":
    sys.exit(main())
