"""What handing out the work costs: `python tests/benchmarks/dispatch_overhead.py`.

First the default study: its real graph of stages (`mae_effect`), on local workers, with stages that import what real
ones import, write files of the usual sizes, and then sleep for a tenth of the time that a stage is expected to take. A
process of its own does what `study run` does up to the report. What it needs beyond the ideal schedule of the same
sleeps (`schedule.py`) is the overhead. It depends on the number of stages, jobs and workers, not on how long
a stage takes, so its share is told for the full length. The conductor's own CPU time is printed too: real workers
must share their cores with it.

    python tests/benchmarks/dispatch_overhead.py --store runs --study mae_effect

tells the same of a real study that was run here, from the files of its last call.

Then a command on a study of about 2,000 stages that are all done. Makes the study for real (some minutes: 20 small
classifiers, 8 methods, 8 metrics, and its report), then times whole processes, the start of Python included: `study
run`, which must find that nothing is to be done, `plan` and `status`. Beside them the hashes of films, read and
remembered. Ends with exit code 1 where a goal is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from schedule import RECORDED, Schedule, last_session, read

from study import dispatch
from study.cli.options import open_protocol
from study.data import fingerprint
from study.errors import StudyError
from study.plan.cost import guess_s
from study.registry import TRAININGS
from study.store import Store

HERE = Path(__file__).resolve().parent
DEFAULT = HERE.parents[1] / "protocols" / "mae_effect.yaml"
GOAL_PERCENT = 3.0
SLOTS = 2
SPEED = 10.0
"""How much faster the default study is replayed than it is expected to be."""
BYTES = {"data": 8_000_000, "explain": 1_200_000, "mask": 2_500_000}
"""What a stage writes, by its kind; trainings write their weights."""
WEIGHT_BYTES, OTHER_BYTES = 1_000_000, 10_000
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
    parser.add_argument("--folder", type=Path, help="make and keep the studies here; default: a temporary folder")
    parser.add_argument("--store", type=Path, help="only tell what handing out has cost a study that was run here")
    parser.add_argument("--study", default="mae_effect", help="name of that study")
    parser.add_argument("--replay", action="store_true", help="only the default study, replayed")
    parser.add_argument("--conduct", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.conduct:
        return conduct(given.conduct)
    if given.store:
        store = Store(given.store)
        try:
            return told(read(store, last_session(store, given.study)), speed=1.0)
        except StudyError as error:
            sys.exit(str(error))
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        missed = replay(folder / "replay")
        return missed if given.replay else nothing_to_do(folder) | missed


def told(found: Schedule, *, speed: float) -> int:
    """Print what a call did with its time; 1 where too much was overhead."""
    share = 100 * found.overhead / (found.ideal * speed + found.overhead)
    print(found.text())
    if speed != 1:
        print(f"of the same study {speed:g} times slower, as it is expected to be: {share:.2f} %")
    print(f"goal: overhead under {GOAL_PERCENT:g} %: {'met' if share < GOAL_PERCENT else 'MISSED'}")
    return int(share >= GOAL_PERCENT)


def replay(folder: Path) -> int:
    """Do the default study with stages that sleep."""
    folder.mkdir()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(HERE)}
    subprocess.run([sys.executable, __file__, "--conduct", str(folder)], env=environment, check=True)
    store = Store(folder / "runs")
    return told(read(store, last_session(store, "mae_effect")), speed=SPEED)


def conduct(folder: Path) -> int:
    """What `study run` does up to the report, in a process of its own."""
    opened = open_protocol(str(DEFAULT), folder / "runs")
    stages = opened.plan.stages
    planned = {
        key: (
            guess_s(stage, stages) / SPEED,
            {"made.bin": WEIGHT_BYTES if stage.kind in TRAININGS else BYTES.get(stage.kind, OTHER_BYTES)},
        )
        for key, stage in stages.items()
    }
    (folder / RECORDED).write_text(json.dumps(planned))
    outcome = dispatch.run(
        opened.plan,
        store=opened.store,
        root=folder,
        workers=SLOTS,
        display=dispatch.open_display(open(os.devnull, "w", encoding="utf8")),  # noqa: SIM115
        executor="replayed:execute",
    )
    print(f"conductor: {time.process_time():.1f} s of CPU time in {outcome.seconds:.1f} s")
    return outcome.exit_code


def nothing_to_do(folder: Path) -> int:
    """Time commands on a large study that is done."""
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
