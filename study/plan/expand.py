"""A protocol -> all its stages, runs and jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from study.plan import recipes
from study.plan.identity import key as key_of
from study.plan.jobs import jobs_of
from study.protocol.schema import ChainStage, Chosen, Protocol
from study.records import Plan, Run, Stage
from study.registry import METRICS, TRAININGS


def expand(protocol: Protocol, digests: Mapping[str, str]) -> Plan:
    """Every stage that the protocol needs, each once, in an order in which they can be done.

    Args:
        digests: dataset name -> `sha256:...` of everything in its files that can change a number.

    Raises:
        KeyError: a dataset that is used has no digest.
    """
    graph = _Graph(protocol, digests)
    runs = tuple(
        graph.run(arm, model, seed) for seed in protocol.seeds for model in protocol.models for arm in protocol.arms
    )
    return Plan(protocol.study, graph.stages, runs, jobs_of(graph.stages, runs))


class _Graph:
    """The stages so far; asking for one that is there gives its key."""

    def __init__(self, protocol: Protocol, digests: Mapping[str, str]) -> None:
        self.protocol = protocol
        self.digests = digests
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
            pretrain_key=training[-2] if len(training) > 1 else None,
            predict=self._stage(recipes.predict(parents), f"predictions of {run_id}"),
            **self._evaluation(run_id, seed, parents),
        )

    def _dataset(self, name: str) -> str:
        settings = self.protocol.data[name]
        recipe = recipes.data(settings, image_size=self.protocol.image_size, digest=self.digests[name])
        places = {"name": name} | {path: getattr(settings, path) for path in settings.paths}
        return self._stage(recipe, f"data {name}", places)

    def _training(self, stage: ChainStage, *, model: str, seed: int, initial: str | None) -> str:
        name = stage.settings.data
        assert name is not None, "chain() has resolved it"
        supervised = TRAININGS[stage.kind].supervised
        seed = self.protocol.seeds[0] if self.protocol.share_pretraining and not supervised else seed
        declared = getattr(self.protocol.data[name], "classes", None)
        parents = {"data": self._dataset(name)} | ({"initial": initial} if initial else {})
        classes = list(declared) if declared is not None else None
        recipe = recipes.train(stage, model=model, seed=seed, classes=classes, parents=parents)
        return self._stage(recipe, f"{stage.kind} on {name}, {model}, seed {seed}")

    def _evaluation(self, run_id: str, seed: int, parents: Mapping[str, str]) -> dict[str, Any]:
        """Maps, curves and scores of one classifier, as the fields of a `Run`."""
        explain: dict[str, str] = {}
        perturb: dict[str, str] = {}
        mask: dict[str, str] = {}
        measure: dict[tuple[str, str], str] = {}
        shared: dict[str, Any] = {"seed": seed, "target_class": self.protocol.target_class}
        for method in self.protocol.explain:
            what = f"{method.label} of {run_id}"
            recipe = recipes.explain(method, **shared, parents=parents)
            explain[method.label] = self._stage(recipe, f"maps by {what}")
            above = {**parents, "explain": explain[method.label]}
            for metric in self.protocol.measure:
                inputs = dict(above)
                if "curves" in METRICS[metric.name].needs:
                    recipe = recipes.perturb(method, metric, **shared, parents=above)
                    inputs["perturb"] = self._stage(recipe, f"curves of {what}")
                    perturb.setdefault(method.label, inputs["perturb"])
                if "masked" in METRICS[metric.name].needs:
                    inputs["mask"] = self._stage(recipes.mask(method, **shared, parents=above), f"masked by {what}")
                    mask[method.label] = inputs["mask"]
                measure[method.label, metric.label] = self._measure(method, metric, inputs, f"{metric.label} on {what}")
        return {"explain": explain, "perturb": perturb, "mask": mask, "measure": measure}

    def _measure(self, method: Chosen, metric: Chosen, parents: Mapping[str, str], label: str) -> str:
        seed = int(self.stages[parents["explain"]].recipe["seed"])
        recipe = recipes.measure(method, metric, seed=seed, target_class=self.protocol.target_class, parents=parents)
        return self._stage(recipe, label)

    def _stage(self, recipe: Mapping[str, Any], label: str, places: Mapping[str, str | None] | None = None) -> str:
        key = key_of(recipe)
        if key not in self.stages:
            self.stages[key] = Stage(key, recipe["kind"], recipe, recipe.get("parents", {}), label, places or {})
        return key
