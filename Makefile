# `make study PROTOCOL=mae_effect` does everything; `make help` lists the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup dev study plan status report list test check pictures format bench storm slurm slurm-stop clean

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/study
PROTOCOL ?= mae_effect

# Options of `make study`: SEEDS=5 MODELS=densenet_phantom DATA=/path CLUSTER=slurm WORKERS=4 LANG_REPORT=ko
OPTIONS := $(if $(SEEDS),--seeds "$(SEEDS)") $(if $(MODELS),--models "$(MODELS)") $(if $(DATA),--data "$(DATA)")
PLACE := $(if $(CLUSTER),--cluster "$(CLUSTER)") $(if $(WORKERS),--workers "$(WORKERS)")
FOLDERS := $(if $(RUNS),--runs "$(RUNS)") $(if $(REPORTS),--reports "$(REPORTS)")

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */  make \1\t/' | expand -t 18
	@echo
	@echo "  options: PROTOCOL=name SEEDS=5 MODELS=densenet_phantom DATA=/path/to/films CLUSTER=local WORKERS=2"

setup: $(VENV)/ready  ## create the environment (done by every other target that needs it)

dev: $(VENV)/ready-dev

$(VENV)/ready: pyproject.toml constraints.txt
	@PYTHON="$(PYTHON)" bash .ci/setup "$(VENV)"
	@touch $@

$(VENV)/ready-dev: $(VENV)/ready
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

$(VENV)/ready-bench: $(VENV)/ready-dev
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	@touch $@

study: $(VENV)/ready  ## run a protocol and write its report: make study PROTOCOL=mae_effect
	@$(RUN) run "$(PROTOCOL)" $(OPTIONS) $(PLACE) $(FOLDERS) $(if $(LANG_REPORT),--lang "$(LANG_REPORT)")

plan: $(VENV)/ready  ## what would run, what is cached, how long it may take
	@$(RUN) plan "$(PROTOCOL)" $(OPTIONS) $(if $(RUNS),--runs "$(RUNS)")

status: $(VENV)/ready  ## how far a study is
	@$(RUN) status "$(PROTOCOL)" $(OPTIONS) $(if $(RUNS),--runs "$(RUNS)")

report: $(VENV)/ready  ## write the report again from what is finished
	@$(RUN) report "$(PROTOCOL)" $(OPTIONS) $(FOLDERS) $(if $(LANG_REPORT),--lang "$(LANG_REPORT)")

list: $(VENV)/ready  ## every metric, attribution, training stage and data format
	@$(RUN) list

check: $(VENV)/ready-dev  ## format, lint, types and the quick tests (under 3 minutes)
	@$(VENV)/bin/ruff format --check study tests
	@$(VENV)/bin/ruff check study tests
	@$(VENV)/bin/mypy
	@OMP_NUM_THREADS=1 $(VENV)/bin/pytest -q -n 2 --dist loadfile --no-loadscope-reorder -m "not slow"

test: $(VENV)/ready-dev  ## everything: check and the slow tests (under 25 minutes)
	@$(VENV)/bin/ruff format --check study tests
	@$(VENV)/bin/ruff check study tests
	@$(VENV)/bin/mypy
	@OMP_NUM_THREADS=1 $(VENV)/bin/pytest -q -n 3 --dist loadfile --no-loadscope-reorder --durations=15

pictures: $(VENV)/ready-dev  ## the README's pictures, from the report of PROTOCOL
	@$(VENV)/bin/python .ci/pictures "$(or $(REPORTS),reports)/$(PROTOCOL)/report.pdf"

format: $(VENV)/ready-dev  ## format the code
	@$(VENV)/bin/ruff format study tests
	@$(VENV)/bin/ruff check --fix study tests

bench: $(VENV)/ready-bench  ## our metrics, methods and statistics beside those of other packages (15 minutes, idle machine)
	@OMP_NUM_THREADS=1 $(VENV)/bin/python tests/benchmarks/perturbation.py
	@OMP_NUM_THREADS=1 $(VENV)/bin/python tests/benchmarks/data_path.py
	@$(VENV)/bin/python tests/benchmarks/peers.py --out tests/benchmarks/peers.md
	@OMP_NUM_THREADS=1 $(VENV)/bin/python tests/benchmarks/statistics_speed.py --out tests/benchmarks/statistics.md
	@OMP_NUM_THREADS=1 $(VENV)/bin/python tests/benchmarks/score_tables.py
	@$(VENV)/bin/python tests/benchmarks/mae_step.py
	@$(VENV)/bin/python tests/benchmarks/dispatch_overhead.py

storm: $(VENV)/ready-dev  ## kill processes of smoke studies at random, 100 times: the findings stay the same (KILLS=100 SEED=0)
	@OMP_NUM_THREADS=1 $(VENV)/bin/python tests/faults/storm.py --kills "$(or $(KILLS),100)" --seed "$(or $(SEED),0)"

slurm: $(VENV)/ready  ## start a private SLURM cluster here, with fake GPUs, to try CLUSTER=slurm on (NODES=3)
	@$(VENV)/bin/python tests/slurm/cluster.py start build/slurm $(if $(NODES),--nodes "$(NODES)")

slurm-stop: $(VENV)/ready  ## end that cluster with all its jobs
	@$(VENV)/bin/python tests/slurm/cluster.py stop build/slurm

clean:  ## remove the environment and caches (never runs/ or reports/)
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
