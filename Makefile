# Every target sets up what it needs: Python >= 3.11, make and a package registry are enough.
# Installed once into .venv; again only when requirements.lock or pyproject.toml changes, or the folder moves.
#   make test PYTHON=python3.12   which interpreter .venv is made from
#   make test ARGS="-k huber"     more arguments for the program behind a target
#   make ui PORT=5001             another port

PYTHON ?=
ARGS ?=
PORT ?= 5000
PIP_FLAGS ?=

RUN := .venv/bin/python
TOOL := .venv/tools/bin/python
STAMP := .venv/.installed
TORCH := $(shell sed -n 's/^constraint-dependencies = \["\(torch==[^"]*\)"\]/\1/p' pyproject.toml)
# What is said last is read: the one whose seeds settle something.
DEMOS := mnist sentiment faces outliers
EXPERIMENTS := $(DEMOS) mnist_cnn price crowns boxes depth spam topics sentences forecast language recommend vae distill rlhf
ELSEWHERE := faces_lfw vae_reference distill_full recommend_lightfm
COMPANIONS_outliers := outliers_delta outliers_sine
COMPANIONS_mnist := mnist_kl mnist_softmax
COMPANIONS_boxes := boxes_crowns
COMPANIONS_forecast := forecast_rnn forecast_spikes forecast_zeros
COMPANIONS_recommend_lightfm := recommend_lightfm_warp
COMPANIONS_vae := vae_beta
COMPANIONS_distill := distill_temperature distill_threes distill_wide
COMPANIONS_rlhf := rlhf_beta

# $(call step,what it does,command): one line to say so, and the command's own words only if it fails.
define step
@echo "  $(1)"; log=$$($(2) 2>&1) || { printf '%s\n' "$$log" >&2; echo "make: '$(strip $(1))' failed; see above." >&2; exit 1; }
endef

CLUSTER := .[ray,slurm]

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow test-readme test-ui test-cluster lint format ui bench anatomy box-regression reproduce audit lock clean moved $(EXPERIMENTS) $(ELSEWHERE)

help: ## list the targets
	@awk -F ': .*## ' '/^[a-z_-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(STAMP) ## compare all losses on four data sets, in under five minutes
	@for data in $(DEMOS); do \
		echo; echo "== $$data"; \
		$(RUN) -m lossbench -m experiment=demo_$$data $(ARGS) || exit 1; \
		$(RUN) -m lossbench.report experiment=demo_$$data || exit 1; \
	done
	@echo; echo "Every run is in MLflow:  make ui"

test: setup ## run the tests
	@$(RUN) -m pytest -q -n logical --maxprocesses 8 --dist worksteal -m "not slow and not ui and not cluster" $(ARGS)

test-slow: setup ## run the tests that take long (crashes, concurrency, calibration, journeys, what other libraries find)
	@$(RUN) -m pytest -q -m slow $(ARGS)

test-readme: setup ## walk the journeys of the README, each command as it stands there
	@$(RUN) -m pytest -q -n logical --maxprocesses 8 --dist worksteal tests/test_readme.py $(ARGS)

test-ui: setup ## look at MLflow through a real browser (needs Debian's chromium)
	@LOSSBENCH_SCREENSHOTS=$(CURDIR)/build/screenshots $(RUN) -m pytest -q -m ui $(ARGS)
	@echo "Screenshots: build/screenshots"

test-cluster: setup ## sweeps on a real Slurm and a real Ray cluster, of two nodes each, on this machine's loopback
	$(call step,Ray and submitit (240 MB; once),$(pip_install) --no-build-isolation -e "$(CLUSTER)")
	@PATH=$$PATH:/usr/sbin command -v slurmctld >/dev/null || { apt-get update && apt-get install -y --no-install-recommends \
		slurmctld slurmd slurm-client; } >/dev/null 2>&1 \
		|| echo "Slurm cannot be installed here (Debian, as root): submitit's local executor stands in for it."
	@PATH=$$PATH:/usr/sbin $(RUN) -m pytest -q -m cluster $(ARGS)

lint: $(STAMP) ## check style and types
	@$(RUN) -m ruff check
	@$(RUN) -m ruff format --check
	@$(RUN) -m mypy

format: $(STAMP) ## rewrite the code in the project's style
	@$(RUN) -m ruff check --fix
	@$(RUN) -m ruff format

ui: $(STAMP) ## open the results in MLflow, on localhost only
	@$(RUN) -m lossbench.review.server port=$(PORT) $(ARGS)

outliers: ## which loss stands outliers, and what it costs
mnist: ## nine losses on digits, with and without wrong labels
mnist_cnn: ## the same nine in a convolutional network, and whether smoothed labels calibrate it
sentiment: ## nine losses on rated sentences
faces: ## embedding losses against classifiers on unseen people
faces_lfw: ## the same on 150 people of the news, downloaded (200 MB); not recorded
price: ## which loss predicts a price, and whether on its logarithm
crowns: ## losses of two classes on photographs of trees from above
boxes: ## losses of boxes, from right corners and wrong ones, and on photographs of trees
depth: ## ONE real scene: losses of the depth of each pixel, learned from a part of its columns
spam: ## losses of two classes where one is rare, with and without class weights
topics: ## losses of eight topics, with and without class weights and wrong labels
sentences: ## losses of two texts that belong together: which finds a verse in another translation
forecast: ## which loss forecasts a series with spikes, wrong values or many zeros
language: ## losses of the next character of Shakespeare, and what they teach a small GRU
recommend: ## losses of recommendations on films, among all of them and among some that are drawn
recommend_lightfm: ## BPR and WARP at the published setting of LightFM; not recorded
vae: ## bounds that train a variational autoencoder, and what a heavier rate does to its code
vae_reference: ## one long run near a published setting (about an hour); not recorded
distill: ## what a teacher's probabilities teach a small student, by which divergence, at which temperature
distill_full: ## the same on all of MNIST, downloaded, at the sizes of Hinton and others (an hour); not recorded
rlhf: ## policies tuned by preferences: which estimate of KL holds them, and where the reward leads astray
$(EXPERIMENTS) $(ELSEWHERE): setup
	@for name in $@ $(COMPANIONS_$@); do \
		$(RUN) -m lossbench -m experiment=$$name $(ARGS) || exit 1; \
		$(RUN) -m lossbench.report experiment=$$name || exit 1; \
	done

anatomy: setup ## each loss and its gradient against its textbook property (no training)
	@$(RUN) -m lossbench.report experiment=$@ $(ARGS)

box-regression: setup ## boxes that follow the gradient of a loss by themselves: which come home (no training)
	@$(RUN) -m lossbench.box_regression $(ARGS)

reproduce: setup ## all experiments; fails where a recorded verdict changed
	@$(RUN) experiments/reproduce.py $(ARGS)

bench: setup ## how fast: against Hydra's own launcher, Lightning alone, and plain PyTorch
	@$(RUN) experiments/speed/bench.py $(ARGS)

audit: $(TOOL) ## known vulnerabilities of the locked packages; fails where one cannot be looked up
	@$(TOOL) -m pip install -q $(PIP_FLAGS) pip-audit
	@$(TOOL) -m pip_audit --strict --require-hashes --disable-pip -r requirements.lock $(ARGS)

# Solve it where pip finds the CPU build of torch, or the CUDA libraries enter the lock as well.
lock: $(TOOL) ## write requirements.lock anew from pyproject.toml (ARGS=--upgrade for newer releases)
	@$(TOOL) -m pip install -q $(PIP_FLAGS) uv
	@$(TOOL) -m uv pip compile -q --python-version 3.11 --extra dev --generate-hashes --no-header \
		--no-emit-package torch --no-emit-index-url --no-emit-find-links $(ARGS) \
		pyproject.toml -o requirements.lock

clean: ## remove .venv and caches; results (mlflow.db, experiments/) stay
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
	find src tests experiments -name __pycache__ -type d -prune -exec rm -rf {} +

# ---- set-up

setup: $(STAMP) ## install everything and fetch the data (the other targets do it by themselves)
	$(call step,data archives,$(RUN) -m lossbench.data.archive)

# The lock goes first: torch then takes its dependencies from it instead of the newest there are.
$(STAMP): requirements.lock pyproject.toml
	@echo "Setting up .venv (once)"
	@rm -f $@
	@$(usable) .venv || { $(find_python); echo "  virtual environment ($$($$python --version))"; \
		$$python -m venv --clear .venv || { rm -rf .venv; exit 1; }; }
	$(call step,packages pinned by requirements.lock (about a minute),$(pip_install) --no-deps --require-hashes -r requirements.lock)
	$(call step,$(TORCH),$(pip_install) $(TORCH))
	$(call step,lossbench itself,$(pip_install) --no-deps --no-build-isolation -e .)
	@pwd > $@

ifneq ($(shell cat $(STAMP) 2>/dev/null),$(shell pwd))
$(STAMP): moved
endif

# Tools that are no part of the program, in a corner of their own so that they move no locked version.
$(TOOL): $(STAMP)
	@$(RUN) -m venv $(@D)/..

pip_install = $(RUN) -m pip install -q --disable-pip-version-check $(PIP_FLAGS)
usable = usable() { "$$1/bin/python" -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }; usable
define find_python
for python in $(if $(PYTHON),"$(PYTHON)",python3 python3.13 python3.12 python3.11 python) none; do \
	[ "$$python" != none ] || { echo "lossbench needs Python 3.11 or newer, and $(if $(PYTHON),$(PYTHON) is none,found none); install it, or name one: make PYTHON=/path/to/python3." >&2; exit 1; }; \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
done
endef
