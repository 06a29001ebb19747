# The verbs of the project; `make help` lists them. Needs python3 (3.11 or later) and make, nothing else.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
OUT    ?= runs/main
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help install run test test-all check format bench bench-install docs lock clean

help:            ## list the verbs
	@grep -hE '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(STAMP): requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $(STAMP)

install: $(STAMP)   ## create .venv and install everything that is pinned in requirements.lock

run: $(STAMP)       ## the main job on the embedded market, into $(OUT)
	$(BIN)/statarb run --out $(OUT)

test: $(STAMP)      ## the test suite (minutes)
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow"

test-all: $(STAMP)  ## the test suite with the slow checks
	$(BIN)/python -m pytest -n 2 --dist worksteal

check: $(STAMP)     ## format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(STAMP)    ## put the code into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench-install: $(STAMP)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-bench.lock

bench: bench-install ## the speed tables of research/benchmarks, beside their peers
	@for script in research/benchmarks/[a-z]*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

lock: $(STAMP)      ## resolve the dependencies anew and pin them, with hashes
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --custom-compile-command "make lock" \
		--extra dev -o requirements.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --custom-compile-command "make lock" \
		--extra dev --extra bench -o requirements-bench.lock pyproject.toml

clean:           ## remove what the verbs made
	rm -rf $(VENV) runs .pytest_cache .mypy_cache .ruff_cache .hypothesis
