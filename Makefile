# make results · plan · sweep · test · test-browser · test-slurm · test-long · test-oldest · soundness · lab · bench · lint · lock · clean:
# each makes the environment first when it is not there.
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
	snakemake plan --cores $(CORES) --rerun-incomplete --config plan=$(PLAN) $(if $(START),start=$(START)) $(if $(DAYS),days=$(DAYS))

# A grid of designs of data/sweeps/$(SWEEP).yaml, and one figure.
SWEEP ?= example
sweep: $(VENV)/.made
	snakemake sweep --cores $(CORES) --rerun-incomplete --config sweep=$(SWEEP)

# On all cores, each taking over what another has not come to.
SHARED := -n $(CORES) --dist worksteal
test: $(VENV)/.made
	pytest $(SHARED)

# In a real Chromium (Debian's package chromium); the report's part wants make results first.
test-browser: $(VENV)/.made
	pytest -m browser tests/browser

# Through a real Slurm that the tests start and stop; Debian's packages are installed where there are none and that may be.
test-slurm: $(VENV)/.made
	PATH=$$PATH:/usr/sbin command -v slurmctld > /dev/null || \
	    { apt-get update -qq && apt-get install -y -qq --no-install-recommends slurmctld slurmd slurm-client munge; }
	uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-slurm.lock
	pytest -m slurm tests/slurm

# The workflow killed twenty times, starved and locked out: an hour, and docs/reliability.md when all of it held.
test-long: $(VENV)/.made
	pytest -m long tests/long

# On the oldest versions that pyproject.toml claims, in a copy of what git knows: two versions of numba in one folder throw
# away what the other has compiled.
OLDEST := .venv-oldest
test-oldest: $(OLDEST)/.made
	rm -rf $(OLDEST)/satqkd
	git init --quiet $(OLDEST)/satqkd
	git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t $(OLDEST)/satqkd
	cd $(OLDEST)/satqkd && export PATH=$(CURDIR)/$(OLDEST)/bin:$$PATH && \
	    uv pip install --quiet --python ../bin/python --no-deps --editable . && python -m satqkd.planning.warm && \
	    pytest $(SHARED) -m "not browser and not slurm and not long and not locked"

# Every bound of the key against populations whose truth is known: three minutes, and docs/soundness.md.
soundness: $(VENV)/.made
	python -m soundness

lab: $(VENV)/.made
	jupyter lab --notebook-dir=. notebooks/explore.ipynb

bench: $(VENV)/.made
	uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-bench.lock
	python -m benchmarks

lint: $(VENV)/.made
	ruff check .
	snakefmt --check Snakefile workflow
	snakemake --lint

# An environment $(1) of the lock $(2): uv installs it in seconds and checks the lock's hashes.
define environment
	$(PYTHON) -m venv --clear $(1)
	$(1)/bin/python -m pip install --quiet --disable-pip-version-check uv==$(shell sed -n 's/^uv==\([^ ]*\).*/\1/p' $(2))
	$(1)/bin/uv pip install --quiet --python $(1)/bin/python --require-hashes --compile-bytecode -r $(2)
endef

# The package itself comes second, because a hashed lock wants a hash of everything in the same call. Bytecode and numba's
# cache are made once here: otherwise every notebook would compile what it imports.
$(VENV)/.made: requirements.lock pyproject.toml
	$(call environment,$(VENV),$<)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	$(BIN)/python -m compileall -q src
	$(BIN)/python -m satqkd.planning.warm
	touch $@

$(OLDEST)/.made: requirements-oldest.lock
	$(call environment,$(OLDEST),$<)
	touch $@

# The locks of all dependencies, with hashes and without the address of any index: the package and its tests, the same as
# old as is claimed, and the peers of the benchmarks or the executor for Slurm besides.
LOCK := uv pip compile pyproject.toml --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --python-version 3.11
lock: $(VENV)/.made
	$(LOCK) --extra test --output-file requirements.lock
	$(LOCK) --extra test --resolution lowest-direct --upgrade --output-file requirements-oldest.lock
	$(LOCK) --extra test --extra bench --constraint requirements.lock --output-file requirements-bench.lock
	$(LOCK) --extra slurm --constraint requirements.lock --output-file requirements-slurm.lock

clean:
	rm -rf $(VENV) $(OLDEST) .snakemake
	find results -mindepth 1 -not -name README.md -delete

.PHONY: results plan sweep test test-browser test-slurm test-long test-oldest soundness lab bench lint lock clean
