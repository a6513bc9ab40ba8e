# make results · plan · sweep · test · test-browser · test-slurm · test-long · lab · bench · lint · lock · clean: each makes the
# environment first when it is not there.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
CORES ?= $(shell nproc)
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

results: $(VENV)/.made
	snakemake --cores $(CORES) --rerun-incomplete
	snakemake --report results/report.html

# The coming days: make plan PLAN=example START=2018-09-20 DAYS=7; without START and DAYS those of data/plans/$(PLAN).yaml.
PLAN ?= example
plan: $(VENV)/.made
	snakemake plan --cores $(CORES) --config plan=$(PLAN) $(if $(START),start=$(START)) $(if $(DAYS),days=$(DAYS))

# A grid of designs of data/sweeps/$(SWEEP).yaml, and one figure.
SWEEP ?= example
sweep: $(VENV)/.made
	snakemake sweep --cores $(CORES) --config sweep=$(SWEEP)

test: $(VENV)/.made
	pytest -n $(CORES)

# In a real Chromium (Debian's package chromium); the report's part wants make results first.
test-browser: $(VENV)/.made
	pytest -m browser tests/browser

# Through a real Slurm that the tests start and stop; Debian's packages are installed where there are none and that may be.
test-slurm: $(VENV)/.made
	PATH=$$PATH:/usr/sbin command -v slurmctld > /dev/null || \
	    { apt-get update -qq && apt-get install -y -qq --no-install-recommends slurmctld slurmd slurm-client munge; }
	uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-slurm.lock
	pytest -m slurm tests/slurm

# The workflow killed twenty times, starved and locked out: half an hour, and docs/reliability.md when all of it held.
test-long: $(VENV)/.made
	pytest -m long tests/long

lab: $(VENV)/.made
	jupyter lab --notebook-dir=. notebooks/explore.ipynb

bench: $(VENV)/.made
	uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-bench.lock
	python -m benchmarks

lint: $(VENV)/.made
	ruff check .
	snakefmt --check Snakefile workflow
	snakemake --lint

# uv installs the locked environment in seconds; the lock's hashes are checked, and the package itself comes second,
# because a hashed lock wants a hash of everything in the same call. Bytecode and numba's cache are made once here:
# otherwise every notebook would compile what it imports.
$(VENV)/.made: requirements.lock pyproject.toml
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(shell sed -n 's/^uv==\([^ ]*\).*/\1/p' requirements.lock)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --compile-bytecode -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	$(BIN)/python -m compileall -q src
	$(BIN)/python -m satqkd.planning.warm
	touch $@

# The locks of all dependencies, with hashes and without the address of any index: the package and its tests, and the
# peers of the benchmarks or the executor for Slurm besides.
LOCK := uv pip compile pyproject.toml --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --python-version 3.11
lock: $(VENV)/.made
	$(LOCK) --extra test --output-file requirements.lock
	$(LOCK) --extra test --extra bench --constraint requirements.lock --output-file requirements-bench.lock
	$(LOCK) --extra slurm --constraint requirements.lock --output-file requirements-slurm.lock

clean:
	rm -rf $(VENV) .snakemake
	find results -mindepth 1 -not -name README.md -delete

.PHONY: results plan sweep test test-browser test-slurm test-long lab bench lint lock clean
