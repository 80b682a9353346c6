"""The tables of facts: what is fixed and varied, checks, missing runs, deviations, provenance."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from study.report import numbers
from study.report.cells import alone
from study.report.contrast_tables import name, of_family
from study.report.data_words import data_text, plain
from study.report.outside import outside, source_rows, spoken
from study.report.stage_words import stage_words
from study.report.table import Cell, Group, Head, Line, State, Table, word, word_head
from study.report.terms import TERMS, Text, fill, join, same
from study.report.wording import voice

Row = Mapping[str, Any]
Results = Mapping[str, Any]
LONGEST = 400
"""Characters of one fact in a table; the whole of it is in results.json."""
LISTED = 20
"""Left-out films named in print."""


def _facts(key: str, caption: str, rows: Sequence[tuple[Text, Cell]], notes: Sequence[Text] = ()) -> Table:
    lines = tuple(Line(head, (cell,)) for head, cell in rows)
    heads = (word_head(TERMS["col.item"]), word_head(TERMS["col.value"]))
    return Table(key, TERMS[caption], heads, (Group(None, lines),), tuple(notes), sortable=False)


def _code(text: str) -> Cell:
    return Cell(same(short(text)), kind="code")


def short(text: str) -> str:
    """The text, or its beginning where it is longer than a table can hold."""
    return text if len(text) <= LONGEST else text[:LONGEST] + " …"


def _short(text: Text) -> Text:
    return Text(short(text.en), short(text.ko))


def design(results: Results) -> Table:
    """What is held fixed and what is varied."""
    return _facts("design", "tab.design", list(_design_rows(results)))


def _design_rows(results: Results) -> Iterator[tuple[Text, Cell]]:
    counts, settings = results["counts"], results["settings"]
    seeds = ", ".join(str(seed) for seed in results["seeds"])
    sizes = {key: counts[key] for key in ("arms", "models", "seeds", "attributions", "controls")}
    yield TERMS["row.arms"], word(fill("value.maps" if alone(results) else "value.arms", **sizes))
    for label, facts in results["datasets"].items():
        yield fill("row.data", name=label), word(_short(data_text(facts)))
    target = results["datasets"].get(str(settings.get("target")), {})
    if "test_with_boxes" in target:
        n = target.get("splits", {}).get("test", counts["images_listed"])
        yield TERMS["row.boxes"], word(fill("value.boxes", k=target["test_with_boxes"], n=n))
    if settings.get("image_size"):
        yield TERMS["row.size"], word(f"{settings['image_size']} × {settings['image_size']} px")
    for head, text in source_rows(results):
        yield head, word(text)
    if any(arm["stages"] for arm in results["arms"]):
        yield TERMS["row.finetune"], word(_finetune(results))
    if results.get("rates"):
        yield TERMS["row.rate"], word(_rates(results))
    yield TERMS["row.seeds"], word(fill(f"value.{results['seeding']}", seeds=seeds))
    if settings.get("share_pretraining"):
        yield TERMS["row.shared"], word(TERMS["value.shared"])
    explained = settings.get("target_class")
    if explained in ("label", "predicted"):
        yield TERMS["row.class"], word(spoken(results, f"value.{explained}"))
    real = [facts["title"] for facts in results["attributions"].values() if not facts["control"]]
    yield TERMS["row.maps"], word(", ".join(real) or numbers.MISSING)


def _finetune(results: Results) -> Text:
    """The last stage, said once where it is the same in every arm."""
    last = list(dict.fromkeys(tuple(arm["stages"][-1]) for arm in results["arms"] if arm["stages"]))
    said = [stage_words(text) if text else TERMS.get(f"stage.{kind}", same(kind)) for kind, text in last]
    return join(said, "; ") or same(numbers.MISSING)


def _rates(results: Results) -> Text:
    """`MAE 0.002 (0.008); fine-tuning 0.001 (0.004)`: each rate once, with its data where a kind of stage has several."""
    models = {model: [row for row in results["rates"] if row["model"] == model] for model in results["models"]}
    said = {model: join(list(_said_rates(rows)), "; ") for model, rows in models.items() if rows}
    if len(set(said.values())) == 1:
        return fill("value.rate", rates=next(iter(said.values())))
    return fill("value.rate", rates=join([same(f"{model}: ") + words for model, words in said.items()], "; "))


def _said_rates(rows: Sequence[Row]) -> Iterator[Text]:
    rates = {row["kind"]: {(r["lr"], r["batch_size"]) for r in rows if r["kind"] == row["kind"]} for row in rows}
    told = {
        (row["kind"], row["data"] if len(rates[row["kind"]]) > 1 else "", row["lr"], row["batch_size"]) for row in rows
    }
    order = list(dict.fromkeys(row["kind"] for row in rows))
    for kind, data, lr, batch_size in sorted(told, key=lambda each: (order.index(each[0]), each[1:])):
        stage = join([TERMS.get(f"stage.{kind}", same(kind)), same(data)])
        yield fill("value.rate.one", stage=stage, lr=f"{lr:g}", blr=f"{lr * 256 / batch_size:.3g}")


def checks(results: Results) -> Table:
    """The automatic checks with their state."""
    lines = []
    for check in results["checks"]:
        state: State = check["state"]
        cells = (Cell(Text(**check["result"]), kind="word", state=state), word(Text(**check["meaning"])))
        lines.append(Line(Text(**check["name"]), cells))
    heads = tuple(word_head(TERMS[f"col.{column}"]) for column in ("check", "result", "meaning"))
    return Table("checks", TERMS["tab.checks"], heads, (Group(None, tuple(lines)),), sortable=False)


def missing(results: Results) -> Table | None:
    """Runs that did not finish or diverged, why, and which verdicts rest on their arm."""
    runs = [run for run in results["runs"] if run["state"] != "done" or run["diverged"]]
    if not runs:
        return None
    names = voice(results)
    lines = []
    for run in runs:
        state = "diverged" if run["state"] == "done" else run["state"]
        head = same(f"{names.arms[run['arm']]}, {run['model']}, {run['seed']}")
        why = same(short(run["reason"]) or numbers.MISSING)
        lines.append(Line(head, (word(spoken(results, f"state.{state}")), word(why), word(_bearing(results, run)))))
    heads = tuple(word_head(TERMS[f"col.{column}"]) for column in ("run", "state", "why", "bears"))
    return Table("missing", TERMS["tab.missing"], heads, (Group(None, tuple(lines)),), sortable=False)


def _bearing(results: Results, run: Row) -> Text:
    names = voice(results)
    rows = [
        row
        for row in of_family(results, "primary")
        if row["model"] == run["model"] and run["arm"] in (row["treatment"], row["control"])
    ]
    if not rows:
        return TERMS["missing.no"]
    joined = join(list(dict.fromkeys(name(results, row, names) for row in rows)), "; ")
    if run["state"] == "done":
        return fill("missing.used", names=joined)
    arm = next(arm for arm in results["arms"] if arm["arm"] == run["arm"])
    done, planned = arm["runs"][run["model"]], arm["runs_planned"][run["model"]]
    return fill("missing.maybe", names=joined, k=done, n=planned)


def deviations(results: Results) -> Table | None:
    """Changes of the protocol after it was locked, and what was known by then."""
    changes = results["protocol"]["deviations"]
    if not changes:
        return None
    lines = tuple(
        Line(
            same(change["when"][:16].replace("T", " ")),
            (
                Cell(same(change["where"]), kind="code"),
                word(short(str(change["before"])) or numbers.MISSING),
                word(short(str(change["after"])) or numbers.MISSING),
                Cell(same(numbers.count(change["runs_finished"])), value=change["runs_finished"]),
            ),
        )
        for change in changes
    )
    heads = (
        *(word_head(TERMS[f"col.{column}"]) for column in ("when", "where", "before", "after")),
        Head(TERMS["col.known"]),
    )
    return Table("deviations", TERMS["tab.deviations"], heads, (Group(None, lines),), sortable=False)


def quarantined(results: Results) -> Table | None:
    """Films that could not be used, with the reason for each."""
    films = [(label, film) for label, facts in results["datasets"].items() for film in facts.get("quarantined") or ()]
    if not films:
        return None
    lines = tuple(
        Line(same(label), (Cell(same(short(str(film["path"]))), kind="code"), word(short(str(film["reason"])))))
        for label, film in films
    )
    heads = tuple(word_head(TERMS[f"col.{column}"]) for column in ("dataset", "file", "why"))
    groups = (Group(None, lines),)
    caption = TERMS["tab.quarantined"]
    return Table("quarantined", caption, heads, groups, sortable=False, print_lines=LISTED, rest="results.json")


def provenance(results: Results) -> Table:
    """How this was made: code, protocol, data, software, hardware, time, rebuild command."""
    return _facts("provenance", "tab.provenance", list(_provenance_rows(results)), (TERMS["note.attached"],))


def _provenance_rows(results: Results) -> Iterator[tuple[Text, Cell]]:
    facts, protocol = dict(results["provenance"]), results["protocol"]
    commit, clean = str(facts.pop("commit", None) or ""), facts.pop("clean", False)
    code = fill("value.clean" if clean else "value.dirty", commit=commit[:12]) if commit else TERMS["value.unknown"]
    yield TERMS["row.commit"], Cell(code, kind="code")
    yield TERMS["row.protocol"], Cell(locked_text(protocol), kind="code")
    for label, data in results["datasets"].items():
        digest = data.get("digest") or data.get("fingerprint") or data.get("sha256")
        if digest:
            yield fill("row.digest", name=label), _code(str(digest))
    for head, text in source_rows(results):
        yield head, Cell(text, kind="code")
    if facts.get("versions"):
        yield TERMS["row.versions"], word(short(plain(facts.pop("versions"))))
    seconds = facts.pop("seconds", None)
    if isinstance(seconds, Mapping) and seconds:
        yield TERMS["row.time"], word(_by_kind(seconds, numbers.seconds))
    for key, label in (("hardware", "row.hardware"), ("host", "row.host"), ("hosts", "row.host")):
        if facts.get(key):
            yield TERMS[label], word(short(plain(facts.pop(key))))
    rebuild = str(facts.pop("rebuild", "") or f"make study PROTOCOL={results['study']}")
    if counts := facts.pop("stages", None):
        yield TERMS["row.stages"], word(_by_kind(counts, numbers.count))
    for key, value in facts.items():
        if value not in (None, "", [], {}):
            yield TERMS.get(f"row.{key}", same(key.replace("_", " ").capitalize())), word(short(plain(value)))
    yield TERMS["row.rebuild"], _code(rebuild)


def _by_kind(values: Row, written: Callable[[Any], str]) -> Text:
    """`fine-tuning 5 min, maps 2 min`."""
    kinds = {kind: TERMS.get(f"stage.{kind}", same(kind)) for kind in values}
    return join([name + same(f" {written(values[kind])}") for kind, name in kinds.items()], ", ")


def locked_text(protocol: Row) -> Text:
    """Hash and date of the lock, and whether it held."""
    if not protocol["locked"]:
        return TERMS["value.unlocked"]
    values = {"hash": protocol["hash"].removeprefix("sha256:")[:12], "date": protocol["locked"][:10]}
    n = len(protocol["deviations"])
    return fill("value.changed", **values, n=n) if n else fill("value.unchanged", **values)


def checklist(results: Results, shown: Sequence[int]) -> Table:
    """Short reporting checklist: done with the section, partly, or not done."""
    locked = bool(results["protocol"]["locked"])
    boxes, gallery, commit = 3 in shown, 8 in shown, results["provenance"].get("commit")
    elsewhere: dict[str, tuple[State, Text]] = {}
    if outside(results):
        elsewhere = dict.fromkeys(("leak", "annotation", "external"), ("no", TERMS["list.unrecorded"]))
        elsewhere |= {name: ("part", TERMS[f"list.{name}.state"]) for name in ("primary", "code")}
    rows: list[tuple[str, State, Text]] = [
        ("claim", "ok", same("1, 2")),
        ("primary", "ok" if locked else "part", same("2") if locked else TERMS["list.unlocked"]),
        ("n", "ok", same("2, 5")),
        ("spread", "ok", same("3, 4, 5") if boxes else same("5")),
        ("tests", "ok", same("5, 10")),
        ("effect", "part", TERMS["list.effect.ranks"]) if alone(results) else ("effect", "ok", same("1, 5")),
        ("leak", "part", TERMS["list.leak.state"]),
        ("annotation", "no", TERMS["list.annotation.state" if boxes else "list.annotation.none"]),
        ("failures", "ok" if gallery else "no", same("8") if gallery else spoken(results, "left_out.8")),
        ("code", "ok" if commit else "part", same("11")),
        ("external", "no", TERMS["list.external.state"]),
    ]
    rows = [(key, *elsewhere.get(key, (state, text))) for key, state, text in rows]
    lines = tuple(Line(TERMS[f"list.{key}"], (Cell(text, kind="word", state=state),)) for key, state, text in rows)
    heads = (word_head(TERMS["col.item"]), word_head(TERMS["col.section"]))
    notes = (TERMS["note.checklist"],)
    return Table("checklist", TERMS["tab.checklist"], heads, (Group(None, lines),), notes, sortable=False)
