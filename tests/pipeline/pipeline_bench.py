"""One trained classifier on a few small films, made stage by stage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from study.pipeline import execute
from study.records import Allowance, Stage


@dataclass
class Context:
    """Counts what a stage tells of itself."""

    allowance = Allowance()
    events = None
    told: list[tuple[int, int]] = field(default_factory=list)

    def progress(self, step: int, of: int, **facts: float | str) -> None:
        self.told.append((step, of))

    def should_stop(self) -> bool:
        return False

    def save_checkpoint(self, step: int, payload: bytes) -> None: ...

    def load_checkpoint(self) -> tuple[int, bytes] | None:
        return None


@dataclass(frozen=True)
class Bench:
    """Folders of finished stages by name, and a way to do another one."""

    folder: Path

    def do(
        self, name: str, recipe: Mapping[str, Any], parents: Sequence[str] = (), siblings: Sequence[Stage] = ()
    ) -> Path:
        """Do a stage; `parents` are `role=name`."""
        out = self.folder / name
        out.mkdir()
        inputs = {role: self.folder / parent for role, parent in (pair.split("=") for pair in parents)}
        stage = self.stage(name, recipe, parents)
        execute(stage, inputs=inputs, out=out, context=Context(), root=self.folder, siblings=siblings)
        return out

    def stage(self, name: str, recipe: Mapping[str, Any], parents: Sequence[str] = ()) -> Stage:
        roles = dict(pair.split("=") for pair in parents)
        return Stage(f"{self.folder.name}-{name}", recipe["kind"], recipe, roles, name, {"name": name})


def explain(attribution: str, **settings: Any) -> dict[str, Any]:
    return {
        "kind": "explain",
        "attribution": attribution,
        "settings": settings,
        "seed": 0,
        "target_class": "label",
    }
