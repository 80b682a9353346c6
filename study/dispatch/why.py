"""Why stages of a run are not in the store: how the nearest recipes that are differ from theirs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from study.dispatch.logs import find_run, needed
from study.dispatch.states import recorded_problems
from study.records import Plan, Stage
from study.store import Store

ABSENT = "(absent)"
SHOWN = 12
_PARENTS = "parents."

Leaves = dict[str, str]
Manifest = Mapping[str, Any]


@dataclass(frozen=True)
class Nearest:
    """A stored recipe, and how it differs from a wanted one.

    Attributes:
        manifest: of the object.
        changes: dotted path -> (stored, wanted), parents included.
    """

    manifest: Manifest
    changes: Mapping[str, tuple[str, str]]

    @property
    def own(self) -> Mapping[str, tuple[str, str]]:
        """The changes that are not only other parents."""
        return {where: change for where, change in self.changes.items() if not where.startswith(_PARENTS)}


def why(plan: Plan, store: Store, run_name: str) -> str:
    """Why the stages of a run are not cached: for each, the nearest stored recipe of its kind and the differing paths.

    Stages that only have new parents are counted, not listed: what is said of the parents holds for them.

    Args:
        plan: names the stages.
        store: read only.
        run_name: `arm/seed`, `arm/model/seed`, or the run id.

    Raises:
        StudyError: no run of the plan has this name.
    """
    run = find_run(plan, run_name)
    keys = needed(plan, run)
    present = {key for key in keys if store.intact(key) is not None}
    absent = [plan.stages[key] for key in keys if key not in present]
    if not absent:
        return f"{run.run_id}: all {len(keys)} stages are cached\n"
    problems = recorded_problems(plan, store, present)
    recipes = _stored(store, {stage.kind for stage in absent})
    lines, followers = [f"{run.run_id}: {len(absent)} of {len(keys)} stages are not cached"], 0
    for stage in absent:
        found = nearest(stage, recipes.get(stage.kind, []))
        has_new_parents = any(parent not in present for parent in stage.parents.values())
        if has_new_parents and stage.key not in problems and found is not None and not found.own:
            followers += 1
            continue
        lines += ["", *_paragraph(stage, found, problems.get(stage.key), store)]
    if followers:
        lines += ["", f"{followers} more differ from stored ones only in what they are made from, which is said above"]
    return "\n".join(lines) + "\n"


def nearest(stage: Stage, stored: list[tuple[Leaves, Manifest]]) -> Nearest | None:
    """The stored recipe with the fewest differing leaves, the newest of equals; None where there is none."""
    wanted = leaves(stage.recipe)
    best: Nearest | None = None
    for have, manifest in stored:
        places = sorted(place for place in {*have, *wanted} if have.get(place) != wanted.get(place))
        changes = {place: (have.get(place, ABSENT), wanted.get(place, ABSENT)) for place in places}
        if best is None or _rank(changes, manifest) < _rank(best.changes, best.manifest):
            best = Nearest(manifest, changes)
    return best


def leaves(value: Any, where: str = "") -> Leaves:
    """Dotted path -> JSON text; a list is one value."""
    if not isinstance(value, Mapping):
        return {where: json.dumps(value, ensure_ascii=False)}
    found: Leaves = {}
    for name, child in value.items():
        found |= leaves(child, f"{where}.{name}".removeprefix("."))
    return found


def _rank(changes: Mapping[str, Any], manifest: Manifest) -> tuple[int, int, float]:
    """Fewer changes first, then fewer of its own, then the newest."""
    own = sum(not where.startswith(_PARENTS) for where in changes)
    return len(changes), own, -_digits(str(manifest.get("finished", "")))


def _digits(time: str) -> float:
    """An ISO time without its zone as a number, for ordering."""
    return float("".join(character for character in time[:19] if character.isdigit()) or 0)


def _stored(store: Store, kinds: set[str]) -> dict[str, list[tuple[Leaves, Manifest]]]:
    found: dict[str, list[tuple[Leaves, Manifest]]] = {}
    for key in store.object_keys():
        manifest = store.intact(key)
        if manifest is not None and manifest.get("kind") in kinds:
            found.setdefault(str(manifest["kind"]), []).append((leaves(manifest.get("recipe", {})), manifest))
    return found


def _paragraph(stage: Stage, found: Nearest | None, problem: str | None, store: Store) -> list[str]:
    lines = [f"{stage.label or stage.kind}  ({stage.kind} {stage.key[:6]})"]
    if problem is not None:
        lines.append(f"  its last attempt failed: {problem}")
    elif store.object_folder(stage.key).exists():
        lines.append(f"  its object is damaged: {store.object_folder(stage.key)}")
    if found is None:
        return [*lines, f"  the store holds no {stage.kind} at all"]
    if not found.changes:
        return lines
    name = found.manifest.get("label") or found.manifest.get("key")
    lines.append(
        f"  nearest: {name}  ({str(found.manifest.get('key'))[:6]}, {found.manifest.get('finished', '')[:19]})"
    )
    width = max(map(len, found.changes))
    shown = list(found.changes.items())[:SHOWN]
    lines += [f"    {where:<{width}}  {_short(old)} -> {_short(new)}{_remark(where)}" for where, (old, new) in shown]
    if len(found.changes) > SHOWN:
        lines.append(f"    … and {len(found.changes) - SHOWN} more")
    return lines


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}…"


def _remark(where: str) -> str:
    """What a change of these places means."""
    if where == "version" or where.endswith("_version"):
        return "  (the package's code for it has changed)"
    if where in ("data", "content"):
        return "  (the files have changed)"
    return ""
