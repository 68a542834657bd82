STACK ?= dev
PYTHON ?= python3.11
VENV := .venv
RUN := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
export PATH := $(abspath $(VENV))/bin:$(PATH)

.PHONY: help up down render smoke load cluster monitoring bench clouds tensorflow test e2e lint format requirements

help: ## Show this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

up: $(INSTALLED) ## Model, image, cluster and service of a stack: make up STACK=dev
	@$(RUN) -m ops up --stack $(STACK)

down: $(INSTALLED) ## Remove a stack, and the local cluster if it ran there
	@$(RUN) -m ops down --stack $(STACK)

render: $(INSTALLED) ## Print a stack's Kubernetes objects as YAML
	@$(RUN) -m ops render --stack $(STACK)

smoke: $(INSTALLED) ## Ask a running stack for one prediction
	@$(RUN) -m ops smoke --stack $(STACK)

load: $(INSTALLED) ## Load a local stack for a minute
	@$(RUN) -m ops load --stack $(STACK)

cluster: $(INSTALLED) ## Start the local cluster alone
	@$(RUN) -m ops.local up

monitoring: $(INSTALLED) ## Add Prometheus and KEDA to the local cluster
	@$(RUN) -m ops.local monitoring

bench: $(INSTALLED) ## Measure the server side by side with its peers (25 minutes): make bench ARGS=--quick
	@$(RUN) -m bench $(ARGS)

clouds: $(INSTALLED) ## Add the SDKs of the clouds: GKE, EKS, AKS and ECR
	$(RUN) -m pip install --requirement requirements-clouds.txt

tensorflow: $(INSTALLED) ## Add TensorFlow, for SavedModels and their tests
	$(RUN) -m pip install --requirement requirements-tensorflow.txt

test: $(INSTALLED) lint ## Run every check that needs neither a cluster nor root
	$(RUN) -m pytest --ignore tests/e2e --numprocesses auto --dist loadfile

e2e: $(INSTALLED) ## Run the end-to-end test on the local cluster
	$(RUN) -m pytest tests/e2e --capture=no --timeout 3000

lint: $(INSTALLED) ## Check style, types and the arrows between the folders
	ruff check
	ruff format --check
	pyright
	lint-imports

format: $(INSTALLED) ## Put the code into shape
	ruff check --fix
	ruff format

# A machine's own index or wheels are for it alone: they stay out of the locks, as does torch's local version.
LOCK = UV_CUSTOM_COMPILE_COMMAND="make requirements" uv pip compile --quiet --python-version 3.11 \
  --no-annotate --no-emit-index-url --no-emit-find-links
RUNTIMES := onnx torchscript savedmodel
# Not by pyproject.toml, which leaves the libraries of CUDA out; Triton compiles what torch.compile has made.
LOCK_GPU = env -u UV_FIND_LINKS -u UV_EXTRA_INDEX_URL $(LOCK) --no-config --python-platform x86_64-manylinux_2_28 \
  --no-emit-package triton
GPU_RUNTIMES := onnx torchscript
# Environments of their own.
APART := bench/plot docs/pictures $(wildcard bench/peers/*) tests/app/kserve

requirements: $(INSTALLED) ## Lock pyproject.toml and each .in file
	$(LOCK) pyproject.toml --output-file requirements.txt
	$(LOCK) pyproject.toml --extra tensorflow --constraints requirements.txt --output-file requirements-tensorflow.txt
	$(LOCK) pyproject.toml --extra gke --extra eks --extra aks --constraints requirements.txt --output-file requirements-clouds.txt
	for runtime in $(RUNTIMES); do \
	  $(LOCK) app/requirements/$$runtime.in --constraints requirements-tensorflow.txt --output-file app/requirements/$$runtime.txt || exit 1; \
	done
	for runtime in $(GPU_RUNTIMES); do \
	  $(LOCK_GPU) app/requirements/$$runtime-gpu.in --constraints app/requirements/$$runtime.txt \
	    --output-file app/requirements/$$runtime-gpu.txt || exit 1; \
	done
	for folder in $(APART); do \
	  $(LOCK) $$folder/requirements.in --output-file $$folder/requirements.txt || exit 1; \
	done
	sed -i 's/+cpu$$//' requirements.txt requirements-clouds.txt requirements-tensorflow.txt app/requirements/torchscript.txt \
	  bench/peers/plain/requirements.txt

# Told on stderr, for a target's own answer goes to stdout.
$(INSTALLED): requirements.txt
	@echo "→ install the Python packages into $(VENV) (minutes, the first time)" >&2
	@$(PYTHON) -m venv $(VENV)
	@$(RUN) -m pip install --requirement requirements.txt >&2
	@touch $@
