"""What a protocol can say: validate, list, new, schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from study.cli.app import app
from study.cli.options import (
    PROTOCOLS,
    Data,
    Models,
    Name,
    Seeds,
    Size,
    read_protocol,
)
from study.protocol import json_schema


@app.command()
def validate(
    name: Name, seeds: Seeds = None, models: Models = None, data: Data = None, image_size: Size = None
) -> None:
    """Check a protocol; say everything that is wrong with it."""
    protocol = read_protocol(name, seeds=seeds, models=models, data=data, image_size=image_size)
    runs = len(protocol.arms) * len(protocol.models) * len(protocol.seeds)
    tested = sum(contrast.family == "primary" for contrast in protocol.contrasts())
    print(f"{protocol.source}: fine; {runs} runs, {tested} primary contrast{'s' if tested != 1 else ''}")


@app.command("list")
def list_() -> None:
    """List everything a protocol can name."""
    from study.listing import tables

    console = Console()
    for table in tables():
        console.print(table)


@app.command()
def new(
    folder: Annotated[
        Path, typer.Option("--data", prompt="Folder of the films", help="folder with films or a manifest")
    ],
    name: Annotated[str, typer.Option("--name", prompt="Name of the study", help="name of the study and its file")],
    model: Annotated[str, typer.Option("--model", help="a model name")] = "vit_phantom",
    out: Annotated[Path | None, typer.Option("--out", help="file to write; default: protocols/NAME.yaml")] = None,
) -> None:
    """Look at a folder of films and write a commented protocol for it."""
    from study.draft import draft

    path = out or PROTOCOLS / f"{name}.yaml"
    facts = draft(name, folder, model=model, path=path)
    print(f"{facts.films} films found; wrote {path}\nlook it through, then: study plan {path if out else name}")


@app.command()
def schema(
    out: Annotated[Path, typer.Option("--out", help="file to write")] = PROTOCOLS / "schema.json",
) -> None:
    """Write the JSON Schema of protocols, from which editors complete and check."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n", encoding="utf8")
    print(f"wrote {out}")
