"""The page of `study power`: plain text of 80 columns for a terminal, most important sentences first.

A finished study is told what its design finds, never what its chance was: a chance worked out from an estimate
only repeats its p.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator

from study.conclude.power import Planned
from study.conclude.power_tables import WIDTH, cost, duration, finite, key, number, paid, size, strictest, tables
from study.statistics.planning import WANTED
from study.statistics.power import Cell, Chances, Step


def as_text(planned: Planned) -> str:
    """What the command prints."""
    blocks = [_head(planned), _buying(planned), *tables(planned), key(planned)]
    return "\n\n".join(block for block in blocks if block) + "\n"


# ------------------------------------------------------------------------- sentences


def _head(planned: Planned) -> str:
    asked, question = planned.asked, planned.question
    where = f" of {asked.attribution}" if asked.attribution else ""
    more = f" (one of {asked.n_models}; --model)" if asked.n_models > 1 else ""
    lines = [f"{planned.study}: how many seeds, how many images?", ""]
    lines += _entry("compared", f"two arms by {asked.metric}{where}, {asked.model}{more}")
    lines += _entry("question", "if we trained again and took new images, would they differ?")
    lines += _entry("to find", _to_find(planned))
    lines += _entry("test", _test(planned))
    lines += _entry("spread", _spread(planned))
    lines += _entry("from", _from(planned))
    lines += _entry("images", _images(planned))
    if question.seeding == "paired":
        lines += _entry("pairs", _pairs(planned))
    return "\n".join(lines)


def _entry(name: str, text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=f"{name:<10}", subsequent_indent=" " * 10)


def _to_find(planned: Planned) -> str:
    question, metric = planned.question, planned.asked.metric
    if question.delta is None:
        return (
            f"nothing given: analysis.margins has no {metric}, and there is no --delta; so only the smallest "
            "differences that designs find are shown"
        )
    origin = f", the protocol's margin for {metric}" if question.delta == question.margin else ", from --delta"
    return f"a true difference of {question.delta:g}{origin}"


def _test(planned: Planned) -> str:
    asked, question = planned.asked, planned.question
    text = f"two-sided, alpha {question.alpha:g}; "
    if asked.family == "exploratory":
        return f"{text}the protocol declares no such contrast, so nothing is adjusted"
    text += f"{asked.m} {asked.family} test{'s' if asked.m > 1 else ''}"
    if asked.m > 1:
        text += f"; {asked.adjustment}: at worst {strictest(planned)}"
    return "; ".join((text, *asked.remarks))


def _spread(planned: Planned) -> str:
    pilot, upper = planned.question.pilot, planned.question.upper
    unit = "patient" if planned.question.per_cluster > 1 else "image"
    words = f"SD of runs {number(pilot.sd_run)}"
    if upper is not None and planned.source.spread is not None:
        df = planned.source.spread.df_runs
        limit = f"upper 80% limit, {df} degrees of freedom"
        if upper.sd_run > pilot.sd_run:
            words += f" (perhaps up to {number(upper.sd_run)}: {limit})"
        else:
            words += f" (runs differ no more than their images let them, at the {limit} too)"
    return f"{words}, {unit} x arm {number(pilot.sd_arm_image)}, rest {number(pilot.sd_residual)}"


def _from(planned: Planned) -> str:
    source, spread = planned.source, planned.source.spread
    if spread is None:
        return "the command line, which does not say how many runs the SD of runs rests on: so there is no upper limit"
    what = "pairs of runs" if spread.seeding == "paired" else "runs each"
    text = f"{source.folder}: {spread.n_arms} arms, {spread.n_runs} {what}, {spread.n_images} images"
    if planned.asked.per_run:
        text += (
            f"; {planned.asked.metric} is no mean over images: its image parts are the covariances of runs on the same "
            "images (Obuchowski-Rockette, for AUC DeLong's) times their number, its run part what is left"
        )
    return text


def _images(planned: Planned) -> str:
    per, spread = planned.question.per_cluster, planned.source.spread
    if spread is None:
        return "count as independent; where several come from one patient, give a pilot that knows the patients"
    if per > 1:
        return (
            f"{per:.3g} per patient in the pilot ({spread.n_images} images, {spread.n_clusters} patients); "
            "only patients count as independent, here as in the analysis"
        )
    return "count as independent: the pilot knows no patient with more than one"


def _pairs(planned: Planned) -> str:
    spread = planned.source.spread
    if spread is not None and spread.seeding == "nested":
        return "the pilot's seeds are not paired, so what pairs share is counted as luck: a cautious plan"
    return "SD of runs is what the two runs of a pair do not share; fewer than 4 pairs are analysed as nested"


def _buying(planned: Planned) -> str:
    lines = [*_after_the_fact(planned), *_axes(planned), *_cheapest(planned)]
    return "\n".join(line for text in lines for line in textwrap.wrap(text, WIDTH))


def _after_the_fact(planned: Planned) -> Iterator[str]:
    spread, question = planned.source.spread, planned.question
    if not planned.source.own or spread is None:
        return
    now = planned.now.expected.smallest
    text = (
        f"This design ({spread.n_runs} seeds, {spread.n_images} images) would find a true difference of "
        f"{number(now)} in 4 of 5 repetitions"
    )
    if question.margin is not None and now > question.margin:
        text += f"; that is more than the margin, {question.margin:g}, so finding nothing says little"
    yield f"{text}."


def _axes(planned: Planned) -> Iterator[str]:
    """Which axis is worth buying, with the numbers."""
    by_seeds, by_images = planned.steps
    s, n = planned.start
    now = planned.now
    yield (
        f"From {size(s, n)}{paid(now.hours)}, where the smallest difference found in 4 of 5 studies (retraining, new "
        f"images) is {number(now.expected.smallest)}: twice the seeds {_brings(by_seeds)}; twice the images "
        f"{_brings(by_images)}. {_verdict(by_seeds, by_images)}"
    )


def _brings(step: Step) -> str:
    price = f"cost {duration(step.more_hours)} more" if step.more_hours is not None else _more_runs(step)
    change = f"{-100 * step.gain:+.0f}%".replace("-", "−") if abs(step.gain) >= 0.005 else "no change"
    return f"({price}) bring it to {number(step.smallest)} ({change})"


def _more_runs(step: Step) -> str:
    return f"{step.more_runs:.0f} more runs" if step.more_runs else "no further run"


NO_GAIN = 0.02
"""An axis whose doubling lowers the smallest difference by less than this share is not worth buying."""


def _verdict(by_seeds: Step, by_images: Step) -> str:
    useless = [step.gain < NO_GAIN for step in (by_seeds, by_images)]
    if all(useless):
        return "Neither helps: look for a steadier recipe or metric."
    if useless[1]:
        return "Buy seeds: more images hardly help, the luck of runs is what is left."
    if useless[0]:
        return "Buy images: more seeds hardly help."
    if by_seeds.more_hours and by_images.more_hours:
        seeds, images = (step.gain / (step.more_hours or 1) for step in (by_seeds, by_images))
        first, last = ("seeds", "images") if seeds >= images else ("images", "seeds")
        times = max(seeds, images) / min(seeds, images)
        return f"Hour for hour {first} lower it {times:.2g} times as much as {last}: buy {first}."
    per_run = 100 * by_seeds.gain / by_seeds.more_runs
    better = "Seeds lower it more" if by_seeds.gain >= by_images.gain else "Images lower it more, and need no training"
    return f"{better}; each further run of the doubled seeds buys {_rate(per_run)}."


def _rate(percent: float) -> str:
    return f"{percent:.0f}%" if percent >= 10 else f"{percent:.2g}%"


def _cheapest(planned: Planned) -> Iterator[str]:
    """The cheapest design of the grid that finds the difference, as expected and with unlucky runs."""
    if planned.question.delta is None:
        return
    sides: list[tuple[str, Callable[[Cell], Chances | None]]] = [("", lambda cell: cell.expected)]
    if planned.question.upper is not None:
        sides.append((", even if the luck of runs is at its upper limit", lambda cell: cell.upper))
    for words, side in sides:
        good = [cell for cell in planned.cells if finite(cell) and _chance(side(cell)) >= WANTED]
        if not good:
            yield f"No design in the grid finds {planned.question.delta:g} in 4 of 5 studies{words}."
            return
        best = min(good, key=lambda cell: (cell.hours or 0.0, cell.runs, cell.images))
        yield (
            f"The cheapest in the grid that finds {planned.question.delta:g} in 4 of 5 studies{words}: "
            f"{size(best.seeds, best.images)}, {cost(best)}."
        )


def _chance(chances: Chances | None) -> float:
    return chances.power or 0.0 if chances else 0.0
