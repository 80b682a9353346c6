"""Everything a protocol can name, as tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.table import Table

from study.registry import ATTRIBUTIONS, FORMATS, MASKINGS, METRICS, MODELS, RUN_METRICS, TRAININGS, Metric

_DIRECTION = {True: "higher", False: "lower", None: "neither"}
_NEEDS = {"boxes": "boxes", "cross": "several arms"}


def tables() -> Iterator[Table]:
    """One table per part of a protocol, made from the registry."""
    yield _metrics()
    yield _table(
        "attributions (explain:)",
        ("name", "title", "models", "settings", ""),
        [
            (name, e.title, ", ".join(e.architectures or e.families), ", ".join(e.parameters), "control" * e.control)
            for name, e in ATTRIBUTIONS.items()
        ],
    )
    yield _table(
        "training stages (arms:)",
        ("name", "title", "model families", ""),
        [(name, e.title, ", ".join(e.families), "ends a chain" * e.supervised) for name, e in TRAININGS.items()],
    )
    yield _table("maskings (mae: masking:)", ("name", "title"), [(name, e.title) for name, e in MASKINGS.items()])
    yield _table("data formats (data: format:)", ("name", "title"), [(name, e.title) for name, e in FORMATS.items()])
    models = [(name, str(family), "small, ours") for name, family in MODELS.items()]
    timm = ("any name of timm", "vit, cnn", "ViT, DeiT, DenseNet, ResNet, VGG, EfficientNet, ConvNeXt")
    yield _table("models (models:)", ("name", "family", ""), [*models, timm])


def _metrics() -> Table:
    rows = [
        (name, entry.title, _DIRECTION[entry.higher_is_better], _needs(entry), ", ".join(entry.parameters))
        for name, entry in METRICS.items()
    ]
    rows += [
        (name, facts.title, _DIRECTION[facts.higher_is_better], "always there", "")
        for name, facts in RUN_METRICS.items()
    ]
    return _table("metrics (measure:)", ("name", "title", "better", "needs", "settings"), rows)


def _needs(entry: Metric) -> str:
    return ", ".join(words for need, words in _NEEDS.items() if need in entry.needs)


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(title=title, title_justify="left", box=None, header_style="bold", title_style="bold cyan")
    for column in columns:
        table.add_column(column, no_wrap=column == "name")
    for row in rows:
        table.add_row(*row)
    return table
