"""A protocol -> all its stages, runs and jobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from study.plan import recipes
from study.plan.identity import key as key_of
from study.plan.jobs import jobs_of
from study.protocol.schema import ChainStage, Chosen, Protocol
from study.records import Plan, Run, Stage
from study.registry import METRICS, TRAININGS


def expand(protocol: Protocol, digests: Mapping[str, str], files: Mapping[str, str] | None = None) -> Plan:
    """Every stage that the protocol needs, each once, in an order in which they can be done.

    Args:
        digests: dataset name -> `sha256:...` of everything in its files that can change a number.
        files: file of a `weights` stage, as the protocol writes it -> `sha256:...` of its bytes.

    Raises:
        KeyError: a dataset or file that is used has no digest.
    """
    graph = _Graph(protocol, digests, files or {})
    own = [graph.run(arm, model, seed) for seed in protocol.seeds for model in protocol.models for arm in protocol.arms]
    runs = tuple(graph.crossed(run, own) for run in own)
    return Plan(protocol.study, graph.stages, runs, jobs_of(graph.stages, runs))


class _Graph:
    """The stages so far; asking for one that is there gives its key."""

    def __init__(self, protocol: Protocol, digests: Mapping[str, str], files: Mapping[str, str]) -> None:
        self.protocol = protocol
        self.digests = digests
        self.files = files
        self.stages: dict[str, Stage] = {}

    def run(self, arm: str, model: str, seed: int) -> Run:
        training: list[str] = []
        for stage in self.protocol.chain(arm, model):
            initial = training[-1] if training else None
            training.append(self._training(stage, model=model, seed=seed, initial=initial))
        parents = {"classifier": training[-1], "data": self._dataset(self.protocol.target)}
        run_id = f"{arm}-{model}-seed{seed}"
        return Run(
            run_id=run_id,
            arm=arm,
            model=model,
            seed=seed,
            training=tuple(training),
            pretrain_key=self._pretraining(training),
            predict=self._stage(recipes.predict(parents), f"predictions of {run_id}"),
            **self._evaluation(run_id, seed, parents),
        )

    def _dataset(self, name: str) -> str:
        settings = self.protocol.data[name]
        recipe = recipes.data(settings, image_size=self.protocol.image_size, digest=self.digests[name])
        places = {"name": name} | {path: getattr(settings, path) for path in settings.paths}
        return self._stage(recipe, f"data {name}", places)

    def _pretraining(self, training: Sequence[str]) -> str | None:
        """The last stage before the classifier that the seed repeats; given weights belong to the recipe."""
        before = training[-2] if len(training) > 1 else None
        return None if before is None or TRAININGS[self.stages[before].kind].given else before

    def _training(self, stage: ChainStage, *, model: str, seed: int, initial: str | None) -> str:
        name = stage.settings.data
        assert name is not None, "chain() has resolved it"
        entry = TRAININGS[stage.kind]
        if entry.given:
            return self._given(stage, model=model, data=name)
        seed = self.protocol.seeds[0] if self.protocol.share_pretraining and not entry.supervised else seed
        declared = getattr(self.protocol.data[name], "classes", None)
        parents = {"data": self._dataset(name)} | ({"initial": initial} if initial else {})
        classes = list(declared) if declared is not None else None
        recipe = recipes.train(stage, model=model, seed=seed, classes=classes, parents=parents)
        return self._stage(recipe, f"{stage.kind} on {name}, {model}, seed {seed}")

    def _given(self, stage: ChainStage, *, model: str, data: str) -> str:
        """Weights that are there, the same for every seed."""
        settings = stage.settings
        places = {path: getattr(settings, path) for path in settings.paths}
        content = next((self.files[place] for place in places.values() if place), None)
        parents = {"data": self._dataset(data)}
        recipe = recipes.train(stage, model=model, seed=0, classes=None, parents=parents, content=content)
        source = next((place for place in places.values() if place), None) or getattr(settings, "timm", None)
        return self._stage(recipe, f"{stage.kind} {source}, {model}", places)

    def _evaluation(self, run_id: str, seed: int, parents: Mapping[str, str]) -> dict[str, Any]:
        """Maps, curves and scores of one classifier, as the fields of a `Run`."""
        found: dict[str, Any] = {"explain": {}, "perturb": {}, "mask": {}, "cascade": {}, "measure": {}}
        shared: dict[str, Any] = {"seed": seed, "target_class": self.protocol.target_class}
        for method in self.protocol.explain:
            what = f"{method.label} of {run_id}"
            recipe = recipes.explain(method, **shared, parents=parents)
            found["explain"][method.label] = self._stage(recipe, f"maps by {what}")
            above = {**parents, "explain": found["explain"][method.label]}
            for metric in self.protocol.measure:
                needs = METRICS[metric.name].needs
                if "cross" in needs:
                    continue
                inputs = {**above, **self._shared_inputs(method, metric, above, what)}
                for name in ("perturb", "mask", "cascade"):
                    if name in inputs and (name != "perturb" or _is_plain(self.stages[inputs[name]])):
                        found[name].setdefault(method.label, inputs[name])
                recipe = recipes.measure(method, metric, **shared, parents=inputs)
                found["measure"][method.label, metric.label] = self._stage(recipe, f"{metric.label} on {what}")
        if self.protocol.concepts:
            found["dissect"] = self._stage(recipes.dissect(self.protocol.concepts, parents), f"concepts of {run_id}")
        return found

    def _shared_inputs(self, method: Chosen, metric: Chosen, above: Mapping[str, str], what: str) -> dict[str, str]:
        """What the metric needs computed before, role -> key."""
        seed = int(self.stages[above["explain"]].recipe["seed"])
        shared: dict[str, Any] = {"seed": seed, "target_class": self.protocol.target_class, "parents": above}
        needs = METRICS[metric.name].needs
        inputs = {}
        if "curves" in needs:
            inputs["perturb"] = self._stage(recipes.perturb(method, metric, **shared), f"curves of {what}")
        if "masked" in needs:
            inputs["mask"] = self._stage(recipes.mask(method, **shared), f"masked by {what}")
        if "cascade" in needs:
            inputs["cascade"] = self._stage(recipes.cascade(method, **shared), f"random weights under {what}")
        return inputs

    def crossed(self, run: Run, runs: Sequence[Run]) -> Run:
        """The run with its maps scored on the models that other arms have for the same seed."""
        judges = {other.arm: other for other in runs if (other.model, other.seed) == (run.model, run.seed)}
        cross: dict[tuple[str, str, str], str] = {}
        measure = dict(run.measure)
        crossing: dict[str, None] = {}
        for method in self.protocol.explain:
            for metric in self.protocol.measure:
                if "cross" not in METRICS[metric.name].needs:
                    continue
                for arm in evaluators(metric, run.arm, self.protocol.arms):
                    key = self._curves_on(judges[arm], run, method, metric)
                    cross[method.label, metric.label, arm] = key
                    crossing |= {key: None} if arm != run.arm else {}
                key = self._cross_measure(run, method, metric, cross)
                measure[method.label, metric.label] = key
                crossing[key] = None
        return replace(run, cross=cross, measure=measure, crossing=tuple(crossing)) if cross else run

    def _curves_on(self, judge: Run, run: Run, method: Chosen, metric: Chosen) -> str:
        """Key of the curves that the judge's classifier gives to this run's maps."""
        parents = {
            "classifier": judge.training[-1],
            "data": self.stages[run.predict].parents["data"],
            "explain": run.explain[method.label],
        }
        recipe = recipes.perturb(
            method, metric, seed=run.seed, target_class=self.protocol.target_class, parents=parents
        )
        return self._stage(recipe, f"curves of {method.label} of {run.run_id} on {judge.run_id}")

    def _cross_measure(
        self, run: Run, method: Chosen, metric: Chosen, cross: Mapping[tuple[str, str, str], str]
    ) -> str:
        keys = [
            key
            for (attribution, label, _), key in cross.items()
            if (attribution, label) == (method.label, metric.label)
        ]
        parents = {**self.stages[run.predict].parents, "explain": run.explain[method.label]}
        parents |= {f"cross{place}": key for place, key in enumerate(keys)}
        recipe = recipes.measure(
            method, metric, seed=run.seed, target_class=self.protocol.target_class, parents=parents
        )
        return self._stage(recipe, f"{metric.label} on {method.label} of {run.run_id}")

    def _stage(self, recipe: Mapping[str, Any], label: str, places: Mapping[str, str | None] | None = None) -> str:
        key = key_of(recipe)
        if key not in self.stages:
            self.stages[key] = Stage(key, recipe["kind"], recipe, recipe.get("parents", {}), label, places or {})
        return key


def evaluators(metric: Chosen, arm: str, arms: Iterable[str]) -> list[str]:
    """The arms whose models judge the maps of `arm`: all others, all, or those that the protocol names."""
    asked = metric.settings["evaluators"]
    if asked == "others":
        return [other for other in arms if other != arm]
    if asked == "all":
        return list(arms)
    return [asked] if isinstance(asked, str) else list(asked)


def _is_plain(stage: Stage) -> bool:
    """Whether the curves replace single pixels by a value: those are what the report draws."""
    settings = stage.recipe["settings"]
    return bool(settings.get("tile", 1) == 1 and settings["baseline"] != "road")
