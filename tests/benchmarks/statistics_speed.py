"""What the statistics of a large study cost, beside the tools that people would use instead.

    python tests/benchmarks/statistics_speed.py [--out statistics.md] [--clock wall|cpu] [--repeats 3] [--peers 2]

The example: 6 arms x 5 seeds x 2,000 images x 12 metrics x 3 attribution methods = 180 comparisons with the baseline,
10,000 resamples. Ours and the others run one after the other in this process, on one thread; the fastest of the
repeats counts. What would take minutes is measured on a few comparisons and scaled to 180, and the table says so.
Peak memory is that of a process of its own that runs our side alone.

The program fails (exit 1) where a promise is broken.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy: one thread for everyone

import numpy as np
import pandas as pd
import pingouin
from numpy.typing import NDArray
from scipy import stats
from statsmodels.regression.mixed_linear_model import MixedLM
from statsmodels.stats.weightstats import DescrStatsW

from study.records import Contrast, Design, MetricFacts, RunStatus
from study.statistics import analyse
from study.statistics.bootstrap import Resampler, acceleration, bca, percentile, run_weights, two_way
from study.statistics.influence import of_mean
from study.statistics.primary import crossed

Floats = NDArray[np.float64]
CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}

ARMS = ("baseline", "a", "b", "c", "d", "e")
SEEDS, IMAGES, RESAMPLES, SEED = 5, 2000, 10_000, 20240501
METRICS = tuple(f"metric_{place}" for place in range(12))
METHODS = ("gradcam", "integrated_gradients", "lrp")
PAIRS = tuple((block, arm) for block in range(len(METRICS) * len(METHODS)) for arm in range(1, len(ARMS)))

PRIMARY_S, TWO_WAY_S, WHOLE_S, MEMORY_GB = 0.1, 5.0, 20.0, 1.0
FASTER_THAN_DEFAULT, FASTER_THAN_BEST = 100.0, 30.0
BATCHES = (20, 100, 500)
OURS = "study"


@dataclass
class Line:
    """One way to do one piece of work: seconds for all 180 comparisons, and on how many it was measured."""

    what: str
    who: str
    seconds: float
    measured: int = len(PAIRS)
    note: str = ""


@dataclass
class Bench:
    """The example, the clock, and what was found."""

    blocks: Floats
    clock: Callable[[], float]
    repeats: int
    peers: int
    lines: list[Line] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def ours(self, what: str, work: Callable[[], object], note: str = "", *, times: int = 0) -> float:
        seconds = min(self._timed(work) for _ in range(times or self.repeats))
        self.lines.append(Line(what, OURS, seconds, note=note))
        return seconds

    def theirs(self, what: str, who: str, work: Callable[[Floats, Floats], object], note: str = "") -> float:
        """Time a function of one comparison [S, n], [S, n] on the first few and scale it to all."""
        chosen = PAIRS[:: len(PAIRS) // self.peers][: self.peers]
        seconds = self._timed(lambda: [work(self.blocks[block, arm], self.blocks[block, 0]) for block, arm in chosen])
        seconds *= len(PAIRS) / len(chosen)
        self.lines.append(Line(what, who, seconds, len(chosen), note))
        return seconds

    def promise(self, what: str, value: float, most: float) -> None:
        if not value <= most:
            self.broken.append(f"{what}: {value:.3g}, promised at most {most:g}")

    def _timed(self, work: Callable[[], object]) -> float:
        start = self.clock()
        work()
        return self.clock() - start


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peers", type=int, default=2, help="comparisons that the others are measured on")
    parser.add_argument("--memory", action="store_true", help="only our side, then print the peak memory")
    options = parser.parse_args()
    if options.memory:
        return only_memory()
    bench = Bench(example(), CLOCKS[options.clock], options.repeats, options.peers)
    t_tests(bench)
    bootstraps(bench)
    parts = whole(bench)
    peak = peak_memory()
    bench.promise("peak memory of our side, GB", peak, MEMORY_GB)
    page = written(bench, parts, peak, options.clock)
    print(page)
    if options.out:
        options.out.write_text(page, encoding="utf8")
    for line in bench.broken:
        print(f"BROKEN  {line}", file=sys.stderr)
    return 1 if bench.broken else 0


def example() -> Floats:
    """[36 metrics and methods, 6 arms, 5 runs, 2000 images] values of the crossed model."""
    rng = np.random.default_rng(SEED)
    shape = (len(METRICS) * len(METHODS), len(ARMS), SEEDS, IMAGES)
    values = rng.normal(0, 0.08, shape) + rng.normal(0, 0.12, (shape[0], 1, 1, IMAGES))
    values += rng.normal(0, 0.05, (shape[0], len(ARMS), 1, IMAGES)) + rng.normal(0, 0.02, (*shape[:3], 1))
    return np.asarray(values + 0.5)


# ------------------------------------------------------------------------------------------------------ closed forms


def primary(blocks: Floats) -> list[float]:
    """p of every comparison, one at a time as the package's drafts do it."""
    codes = np.arange(IMAGES)
    pairs = (crossed((of_mean(blocks[k, a], codes), of_mean(blocks[k, 0], codes)), (1.0, -1.0)) for k, a in PAIRS)
    return [float(result.p_value) for result in pairs]


def t_tests(bench: Bench) -> None:
    what = "runs and images crossed, closed form"
    seconds = bench.ours(what, lambda: primary(bench.blocks), "section 4, one comparison after the other")
    bench.promise("closed form of all comparisons, s", seconds, PRIMARY_S)
    what = "images only, a test without resampling"
    bench.theirs(what, "pingouin.ttest", _pingouin_t, "paired, runs averaged: these models only")
    bench.theirs(what, "statsmodels DescrStatsW", _statsmodels_t, "paired, runs averaged: these models only")
    what = "runs and images crossed, mixed model"
    bench.theirs(
        what, "statsmodels MixedLM", _mixed, "on 30 of 2,000 images: 300 rows; dense matrices, so not scaled up"
    )


def _pingouin_t(treatment: Floats, control: Floats) -> object:
    return pingouin.ttest(treatment.mean(axis=0), control.mean(axis=0), paired=True)


def _statsmodels_t(treatment: Floats, control: Floats) -> object:
    made = DescrStatsW(treatment.mean(axis=0) - control.mean(axis=0))
    return made.ttest_mean(0), made.tconfint_mean()


def _mixed(treatment: Floats, control: Floats, images: int = 30) -> object:
    rows = [
        {"value": arm[run, image], "arm": name, "image": image, "pair": f"{name}{image}", "run": f"{name}-{run}"}
        for name, arm in enumerate((control, treatment))
        for run in range(SEEDS)
        for image in range(images)
    ]
    crossing = {"image": "0 + C(image)", "pair": "0 + C(pair)", "run": "0 + C(run)"}
    table = pd.DataFrame(rows).assign(one=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "on the boundary", also where the fit is not
        return MixedLM.from_formula("value ~ arm", groups="one", vc_formula=crossing, re_formula="0", data=table).fit()


# -------------------------------------------------------------------------------------------------------- resampling


def images_only(blocks: Floats, *, accelerated: bool) -> list[tuple[float, float]]:
    """Percentile or BCa limits of every comparison with runs averaged, from one set of image weights."""
    resampler = Resampler(IMAGES, RESAMPLES, SEED)
    means = blocks.mean(axis=2)
    differences = [means[block, arm] - means[block, 0] for block, arm in PAIRS]
    columns = [resampler.add(d) for d in differences]
    found = []
    for column, d in zip(columns, differences, strict=True):
        replicates = resampler.products([column])[:, 0] / IMAGES
        if accelerated:
            limits = bca(replicates, float(d.mean()), acceleration((d.sum() - d) / (IMAGES - 1)))
        else:
            limits = percentile(replicates)
        found.append((limits.low, limits.high))
    return found


def runs_and_images(blocks: Floats) -> list[float]:
    """Resampled standard error of every comparison: shared image weights, run weights of each arm."""
    resampler = Resampler(IMAGES, RESAMPLES, SEED)
    columns = [[[resampler.add(run) for run in arm] for arm in block] for block in blocks]
    weights = [run_weights(arm, SEEDS, RESAMPLES, SEED) for arm in ARMS]
    found = []
    for block, arm in PAIRS:
        sides = [resampler.products(columns[block][side]) / IMAGES for side in (arm, 0)]
        found.append(float(two_way(sides[0], sides[1], (weights[arm], weights[0])).std(ddof=1)))
    return found


def bootstraps(bench: Bench) -> None:
    for method in ("percentile", "BCa"):
        what = f"images only, {method} bootstrap"
        mine = bench.ours(what, lambda method=method: images_only(bench.blocks, accelerated=method == "BCa"))
        default = bench.theirs(what, "scipy.stats.bootstrap", _scipy(method, None), "default batch")
        batches = {batch: bench.theirs(what, "scipy.stats.bootstrap", _scipy(method, batch)) for batch in BATCHES}
        best = min(batches.values())
        for line, batch in zip(bench.lines[-len(BATCHES) :], BATCHES, strict=True):
            line.note = f"batch={batch}" + (", its best" if batches[batch] == best else "")
        bench.promise(f"{what}: our share of scipy's default", mine / default, 1 / FASTER_THAN_DEFAULT)
        bench.promise(f"{what}: our share of scipy's best batch", mine / best, 1 / FASTER_THAN_BEST)
        bench.theirs(what, "pingouin.compute_bootci", _pingouin_bootstrap(method.lower()))
    what = "runs and images, resampled standard error"
    seconds = bench.ours(what, lambda: runs_and_images(bench.blocks), "no other package does this")
    bench.promise(f"{what}, s", seconds, TWO_WAY_S)


def _scipy(method: str, batch: int | None) -> Callable[[Floats, Floats], object]:
    def work(treatment: Floats, control: Floats) -> object:
        d = treatment.mean(axis=0) - control.mean(axis=0)
        generator = np.random.default_rng(SEED)
        return stats.bootstrap((d,), np.mean, n_resamples=RESAMPLES, batch=batch, method=method, rng=generator)

    return work


def _pingouin_bootstrap(method: str) -> Callable[[Floats, Floats], object]:
    def work(treatment: Floats, control: Floats) -> object:
        d = treatment.mean(axis=0) - control.mean(axis=0)
        return pingouin.compute_bootci(d, func="mean", n_boot=RESAMPLES, method=method, seed=SEED)

    return work


# ------------------------------------------------------------------------------------------------- the whole analysis


def design() -> Design:
    facts = {name: MetricFacts(name, name, True, (None, None), 1) for name in METRICS}
    contrasts = tuple(
        Contrast(f"{arm}-{method}-{metric}", "q", family, arm, ARMS[0], "vit", method, metric, 0.01)
        for method in METHODS
        for metric in METRICS
        for arm in ARMS[1:]
        for family in ["primary" if (method, metric) == (METHODS[0], METRICS[0]) else "secondary"]
    )
    return Design(
        study="example",
        arms=ARMS,
        reference=ARMS[0],
        models=("vit",),
        seeds=tuple(range(SEEDS)),
        seeding="nested",
        contrasts=contrasts,  # type: ignore[arg-type]
        metrics=facts,
        attributions=METHODS,
        controls=(),
        runs=tuple(RunStatus(f"{arm}-{seed}", arm, "vit", seed, "done") for arm in ARMS for seed in range(SEEDS)),
        resamples=RESAMPLES,
        resampling_seed=SEED,
    )


def table(blocks: Floats) -> pd.DataFrame:
    """The example as the score table that the store gives: 2,160,000 rows."""
    names = [(method, metric) for method in METHODS for metric in METRICS]
    images = [f"image_{place:04d}" for place in range(IMAGES)]
    frames = []
    for (method, metric), block in zip(names, blocks, strict=True):
        for arm, runs in zip(ARMS, block, strict=True):
            for seed, values in enumerate(runs):
                frame = pd.DataFrame({"image_id": images, "cluster": images, "value": values})
                who = {"run_id": f"{arm}-{seed}", "arm": arm, "model": "vit", "seed": seed, "reason": ""}
                frames.append(frame.assign(**who, attribution=method, metric=metric, metric_version=1))
    return pd.concat(frames, ignore_index=True)


def whole(bench: Bench) -> dict[str, float]:
    """Time `analyse` as the report calls it, and what its parts took."""
    scores, asked = table(bench.blocks), design()
    parts: dict[str, float] = {}
    module = sys.modules["study.statistics.analyse"]
    steps = [name for name, step in vars(module).items() if callable(step) and _is_step(step)]
    before = {name: getattr(module, name) for name in steps}
    for name, step in before.items():
        setattr(module, name, _timing(name, step, parts, bench.clock))
    try:
        seconds = bench.ours(
            "everything: `analyse`, 2,160,000 rows to findings", lambda: analyse(asked, scores), times=1
        )
    finally:
        for name, step in before.items():
            setattr(module, name, step)
    bench.promise("the whole of analyse, s", seconds, WHOLE_S)
    return {**dict(sorted(parts.items(), key=lambda part: -part[1])), "the rest": seconds - sum(parts.values())}


def _is_step(step: Callable[..., object]) -> bool:
    """Functions that `analyse` took from the modules beside it, its own adjustment included."""
    home = getattr(step, "__module__", "") or ""
    own = home == "study.statistics.analyse" and step.__name__ == "_findings"
    return own or (
        home.startswith("study.statistics.") and home != "study.statistics.analyse" and not isinstance(step, type)
    )


def _timing(
    name: str, step: Callable[..., object], parts: dict[str, float], clock: Callable[[], float]
) -> Callable[..., object]:
    def timed(*given: object, **named: object) -> object:
        start = clock()
        try:
            return step(*given, **named)
        finally:
            if name != "sentences":  # inside `_findings`
                parts[name] = parts.get(name, 0.0) + clock() - start

    return timed


# ------------------------------------------------------------------------------------------------------------ memory


def only_memory() -> int:
    """Our side alone; prints the highest resident memory of this process in GB."""
    blocks = example()
    primary(blocks)
    images_only(blocks, accelerated=True)
    runs_and_images(blocks)
    print(f"peak {_peak():.3f}")
    return 0


def _peak() -> float:
    status = Path("/proc/self/status").read_text(encoding="utf8")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024**2


def peak_memory() -> float:
    """GB of a process that does nothing but our side."""
    done = subprocess.run([sys.executable, __file__, "--memory"], check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])


# -------------------------------------------------------------------------------------------------------------- page


def written(bench: Bench, parts: dict[str, float], peak: float, clock: str) -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "pingouin", "statsmodels"))
    head = (
        "# Speed of the statistics\n\n"
        f"Made by `python tests/benchmarks/statistics_speed.py --clock {clock}` on {datetime.now(UTC):%Y-%m-%d}, one "
        f"thread, {_cpu()}, Python {platform.python_version()}, {packages}.\n\n"
        f"{len(ARMS)} arms × {SEEDS} seeds × {IMAGES:,} images × {len(METRICS)} metrics × {len(METHODS)} methods: "
        f"{len(PAIRS)} comparisons with the baseline, {RESAMPLES:,} resamples. Seconds are for all {len(PAIRS)}; what "
        "was measured on fewer comparisons is scaled, as its column says."
    )
    rows = ["| work | by | seconds | times ours | measured on | |", "| --- | --- | --- | --- | --- | --- |"]
    mine: dict[str, float] = {}
    for line in bench.lines:
        if line.who == OURS:
            mine[line.what] = line.seconds
        ratio = line.seconds / mine[line.what] if line.what in mine and line.who != OURS else None
        times = f"{ratio:,.0f} ×" if ratio else ""
        note = line.note
        rows.append(f"| {line.what} | {line.who} | {line.seconds:,.3g} | {times} | {line.measured} | {note} |")
    where = [f"| `{name}` | {seconds:.2f} |" for name, seconds in parts.items() if abs(seconds) >= 0.005]
    memory = f"Peak memory of a process that does our side of the tests and resamplings alone: {peak:.2f} GB."
    promised = "Every promise holds." if not bench.broken else "Broken: " + "; ".join(bench.broken) + "."
    spent = ["| part of `analyse` | seconds |", "| --- | --- |", *where]
    return "\n\n".join([head, "\n".join(rows), memory, "\n".join(spent), promised]) + "\n"


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


if __name__ == "__main__":
    sys.exit(main())
