"""Options that commands share, and how a protocol is opened with them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from study.errors import StudyError
from study.protocol import Protocol, read
from study.records import Plan

if TYPE_CHECKING:
    from study.store import Store

Name = Annotated[str, typer.Argument(metavar="PROTOCOL", help="a YAML file, or the name of one in protocols/")]
Seeds = Annotated[str | None, typer.Option("--seeds", help="how many seeds, or a list such as 0,1,2")]
Models = Annotated[str | None, typer.Option("--models", help="models instead of the protocol's, with commas")]
Data = Annotated[
    list[str] | None, typer.Option("--data", metavar="[NAME=]PATH", help="real films for the target, or for NAME")
]
Size = Annotated[int | None, typer.Option("--image-size", help="side of the images in pixels")]
Cluster = Annotated[str | None, typer.Option("--cluster", help="where to work: local, inline or slurm")]
Workers = Annotated[int | None, typer.Option("--workers", help="stages at a time")]
Runs = Annotated[Path, typer.Option("--runs", help="folder of everything computed")]
Reports = Annotated[Path, typer.Option("--reports", help="folder of the reports")]
Lang = Annotated[str | None, typer.Option("--lang", help="languages of the report: en, ko or both")]

RUNS, REPORTS, PROTOCOLS = Path("runs"), Path("reports"), Path("protocols")
DIGESTS = "digests.json"


@dataclass(frozen=True)
class Opened:
    """A protocol with everything that follows from it without computing."""

    protocol: Protocol
    digests: Mapping[str, str]
    files: Mapping[str, str]
    plan: Plan
    store: Store

    def keep_hashes(self) -> None:
        """Remember the hashes of the films in the store, now that its folder is there."""
        from study import data

        data.keep(self.store.root / DIGESTS)


def open_protocol(name: str, runs: Path, **wishes: Any) -> Opened:
    """The checked protocol, its plan, and the store."""
    from study import data
    from study.plan import expand
    from study.store import Store

    protocol = read_protocol(name, **wishes)
    store = Store(runs)
    with data.remembered(store.root / DIGESTS):
        digests = {
            dataset: data.digest(protocol.data[dataset].model_dump(), root=protocol.root)
            for dataset in protocol.datasets_used
        }
        files = {file: data.file_digest(protocol.root / file) for file in protocol.weight_files}
    return Opened(protocol, digests, files, expand(protocol, digests, files), store)


def read_protocol(name: str, **wishes: Any) -> Protocol:
    """The protocol with the options of the command line as overrides."""
    lang = wishes.get("lang")
    return read(
        _find(name),
        {
            "seeds": _seeds(wishes.get("seeds")),
            "models": [word.strip() for word in wishes["models"].split(",")] if wishes.get("models") else None,
            "data": _paths(wishes["data"]) if wishes.get("data") else None,
            "languages": ["en", "ko"] if lang == "both" else [lang] if lang else None,
            **{key: wishes.get(key) for key in ("image_size", "cluster", "workers")},
        },
    )


def _find(name: str) -> Path:
    """The file that a path or a bare name means."""
    path = Path(name)
    if path.is_file() or path.parent != Path():
        return path
    inside = PROTOCOLS / (name if path.suffix else f"{name}.yaml")
    if inside.is_file():
        return inside
    known = sorted(file.stem for file in PROTOCOLS.glob("*.yaml"))
    near = difflib.get_close_matches(path.stem, known, n=1)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    raise StudyError(
        f"there is no protocol '{name}', here or in {PROTOCOLS}/{hint}\nknown: {', '.join(known) or 'none'}"
    )


def _seeds(text: str | None) -> int | list[Any] | str | None:
    """`5` is a count, `0,1,2` a list; anything else is left for the checks to refuse."""
    if text is None:
        return None
    words = [int(word) if word.strip().isdecimal() else word.strip() for word in text.split(",")]
    return words if len(words) > 1 else words[0]


def _paths(entries: Sequence[str]) -> dict[str, str | dict[str, Any]]:
    """`NAME=PATH` or `PATH` (for the target, name ""): a manifest, or the settings of the format that is found there."""
    pairs = (entry.rpartition("=") if not Path(entry).exists() else ("", "", entry) for entry in entries)
    return {name: _recognised(Path(path)) or path for name, _, path in pairs}


def _recognised(path: Path) -> dict[str, Any] | None:
    """Format and settings of films without a manifest; None where there is one, or nothing."""
    if not path.exists() or path.suffix.lower() == ".csv" or (path / "manifest.csv").is_file():
        return None
    from study.data import guesses

    guess = guesses(path)[0]
    given = {key: str(value.absolute()) if isinstance(value, Path) else value for key, value in guess.settings.items()}
    return {"format": guess.format, **given}
