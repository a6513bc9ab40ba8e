# `make help` lists the targets. Each first makes the environment if it does not exist.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
CORES ?= $(shell nproc)
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
# uv installs packages without bytecode and relies on Python to write it. Many containers forbid that, and then every start of
# Snakemake compiles all of its imports again, which takes longer than most stages compute.
unexport PYTHONDONTWRITEBYTECODE

# In a terminal show a progress bar for each rule; in a file or in CI print a few lines for each job.
SNAKEMAKE = snakemake $(shell test -t 2 && echo --logger rich || echo --quiet rules host reason) --cores $(CORES) --rerun-incomplete

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

results: $(VENV)/.made  ## everything: all experiments, the validation table, the report
	$(SNAKEMAKE)
	@snakemake --report results/report-snakemake.html --quiet
	@python -m satqkd.report results
	@echo "results: open results/report.html; figures in results/<scenario>/figures and papers, the table in results/validation.csv"

# One run of one experiment, its figures, and its rows of the validation table.
SCENARIO ?= yin2020
quick: $(VENV)/.made  ## a first result in a minute: one run of one experiment (SCENARIO=yin2020)
	$(SNAKEMAKE) quick --config quick=$(SCENARIO)
	@python -m satqkd.validation --scenario data/scenarios/$(SCENARIO).yaml
	@echo "quick: open results/report.html; figures in results/$(SCENARIO)/figures and results/$(SCENARIO)/run1/figures"

# The coming days: make plan PLAN=example START=2018-09-20 DAYS=7; START and DAYS default to those of data/plans/$(PLAN).yaml.
PLAN ?= example
plan: $(VENV)/.made  ## passes of the coming days and their expected yield (PLAN= START= DAYS=)
	$(SNAKEMAKE) plan --config plan=$(PLAN) $(if $(START),start=$(START)) $(if $(DAYS),days=$(DAYS))

# A grid of designs of data/sweeps/$(SWEEP).yaml, and one figure.
SWEEP ?= example
sweep: $(VENV)/.made  ## a grid of designs (SWEEP=)
	$(SNAKEMAKE) sweep --config sweep=$(SWEEP)

# Every attack of docs/attacks.md at several strengths, without and with each countermeasure.
attacks: $(VENV)/.made  ## attacks against the stations, and what stops them: a minute or two
	$(SNAKEMAKE) attacks

# Its sampler is among the packages of the tests. The workflow reads the draws that are committed.
calibrate: $(VENV)/.tests  ## the joint calibration of the four experiments: posterior, figures, data/calibration/draws.csv
	$(SNAKEMAKE) calibrate
	@cp results/calibration/draws.csv results/calibration/draws.csv.provenance.json data/calibration/
	@echo "calibrate: open results/calibration/calibrate.ipynb; copy the medians by hand into the scenarios (CONTRIBUTING.md)"

# Shows the results that exist and executes nothing; warnings are errors.
docs: $(VENV)/.docs  ## the site of the documentation, in results/site (after make results)
	@python docs/pages.py
	@rm -rf results/site
	sphinx-build -W --keep-going --quiet -c docs -d results/.doctrees . results/site
	@echo "docs: open results/site/index.html"

# With the settings of notebooks/jupyterlab: JupyterLab neither asks about news nor looks for newer versions.
LAB_SETTINGS := --LabApp.app_settings_dir=notebooks/jupyterlab
lab: $(VENV)/.made  ## the notebooks in JupyterLab
	jupyter lab --notebook-dir=. $(LAB_SETTINGS) notebooks/explore.ipynb

# The check after every change, within a minute and a half.
check: lint  ## lint, and the tests with few examples each: after every change
	pytest $(BY_FILE) --hypothesis-profile=quick

# On all cores. BY_FILE keeps the tests of a file on one core, so that its fixtures are made once. SHARED gives each test to
# the next free core, for whole workflows.
BY_FILE := -n $(CORES) --dist loadfile
SHARED := -n $(CORES) --dist worksteal
test: $(VENV)/.tests  ## the tests: units, properties, twins, published values
	pytest $(BY_FILE)
	@echo "test: not run: whole workflows and long simulations (make test-workflow), make test-browser, test-slurm, test-oldest, test-long"

test-workflow: $(VENV)/.tests  ## whole workflows on copies of the project, and long simulations
	pytest $(SHARED) -m "workflow or slow"

# In a real Chromium (Debian's package chromium); the tests of the report need make results first.
test-browser: $(VENV)/.tests  ## the pages and sliders, in a real Chromium
	pytest -m browser tests/browser

# Through a real Slurm that the tests start and stop; missing Debian packages are installed if that is possible.
test-slurm: $(VENV)/.slurm  ## the workflow through a real Slurm
	@PATH=$$PATH:/usr/sbin command -v slurmctld > /dev/null || \
	    { apt-get update -qq && apt-get install -y -qq --no-install-recommends slurmctld slurmd slurm-client munge; }
	pytest -m slurm tests/slurm

# The workflow killed twenty times, starved and locked out; writes docs/reliability.md if all tests pass.
test-long: $(VENV)/.tests  ## make results killed, starved and locked out: most of an hour
	pytest -m long tests/long

# On the oldest versions that pyproject.toml claims, in a copy of the files that git tracks or would add: two versions of
# numba in one folder delete each other's compiled code.
OLDEST := .venv-oldest
test-oldest: $(OLDEST)/.made  ## all tests except browser, cluster and long ones, on the oldest versions
	rm -rf $(OLDEST)/satqkd
	git init --quiet $(OLDEST)/satqkd
	git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t $(OLDEST)/satqkd
	cd $(OLDEST)/satqkd && export PATH=$(CURDIR)/$(OLDEST)/bin:$$PATH && \
	    uv pip install --quiet --python ../bin/python --no-deps --editable . && python -m satqkd.workflow.warm && \
	    pytest $(SHARED) -m "not browser and not slurm and not long and not locked"

# What tells whether the package works on another Python, in a minute or two: its examples, the library, the published values that
# functions give by themselves, and the bytes of a whole run, which may not depend on the Python.
OTHER := .venv-other
OTHER_PYTHON ?= python3.13
test-python: $(VENV)/.made  ## examples, library, and the bytes of a run on another Python (OTHER_PYTHON=python3.13)
	$(MAKE) VENV=$(OTHER) PYTHON=$(OTHER_PYTHON) $(OTHER)/.tests
	$(OTHER)/bin/pytest $(BY_FILE) tests/test_examples.py tests/test_library.py tests/validation
	@rm -rf $(OTHER)/run $(OTHER)/same
	@$(OTHER)/bin/satqkd simulate tiangong2 $(OTHER)/run > /dev/null
	@$(BIN)/satqkd simulate tiangong2 $(OTHER)/same > /dev/null
	@diff -r $(OTHER)/run $(OTHER)/same
	@echo "test-python: $$($(OTHER)/bin/python --version) and $$(python --version) give the same bytes"

# Every bound of the key on populations whose truth is known; takes three minutes.
soundness: $(VENV)/.made  ## every bound of the key compared with its failure probability; writes docs/soundness.md
	python -m soundness

bench: $(VENV)/.tests  ## speed compared with other programs
	uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-bench.lock
	python -m benchmarks

lint: $(VENV)/.tests  ## ruff, mypy, snakefmt, snakemake --lint
	ruff check .
	ruff format --check .
	mypy
	snakefmt --check Snakefile workflow
	snakemake --lint

# The environment: uv installs a lock in seconds and checks its hashes. The package itself is installed in a second call,
# because a hashed lock requires a hash of everything in the same call. numba's cache is filled once: otherwise every
# notebook would compile.
define environment
	@echo "environment: Python and uv in $(1)"
	@$(PYTHON) -m venv --clear $(1)
	@$(1)/bin/python -m pip install --quiet --disable-pip-version-check uv==$(shell sed -n 's/^uv==\([^ ]*\).*/\1/p' $(2))
	@echo "environment: $$(grep -c == $(2)) packages of $(2)"
	@$(1)/bin/uv pip install --quiet --python $(1)/bin/python --require-hashes -r $(2)
endef

$(VENV)/.made: requirements.lock pyproject.toml
	$(call environment,$(VENV),$<)
	@uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@echo "environment: compiling the package's loops, once (half a minute)"
	@python -m satqkd.workflow.warm
	@touch $@

$(VENV)/.tests: requirements-test.lock $(VENV)/.made
	@echo "environment: additional packages for the tests, of $<"
	@uv pip install --quiet --python $(BIN)/python --require-hashes -r $<
	@touch $@

$(VENV)/.docs: requirements-docs.lock $(VENV)/.made
	@echo "environment: additional packages for the site, of $<"
	@uv pip install --quiet --python $(BIN)/python --require-hashes -r $<
	@touch $@

$(VENV)/.slurm: requirements-slurm.lock $(VENV)/.tests
	@echo "environment: Snakemake's executor for Slurm, of $<"
	@uv pip install --quiet --python $(BIN)/python --require-hashes -r $<
	@touch $@

$(OLDEST)/.made: requirements-oldest.lock
	$(call environment,$(OLDEST),$<)
	touch $@

# The locks of all dependencies, with hashes and without the address of any index: the package, its tests, both at the oldest
# claimed versions, the peers of the benchmarks, the site, and the executor for Slurm. Each is valid for every Python from the
# oldest on.
LOCK := uv pip compile pyproject.toml --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
    --universal --python-version 3.11 --extra workflow --extra notebooks
lock: $(VENV)/.made  ## renew the locks of all dependencies
	$(LOCK) --extra install --output-file requirements.lock
	$(LOCK) --extra install --extra test --constraint requirements.lock --output-file requirements-test.lock
	$(LOCK) --extra install --extra test --resolution lowest-direct --upgrade --output-file requirements-oldest.lock
	$(LOCK) --extra install --extra test --extra bench --constraint requirements.lock --output-file requirements-bench.lock
	$(LOCK) --extra docs --constraint requirements-test.lock --output-file requirements-docs.lock
	$(LOCK) --extra slurm --constraint requirements.lock --output-file requirements-slurm.lock

clean:  ## remove environments and results
	rm -rf $(VENV) $(OLDEST) $(OTHER) .snakemake docs/site
	find results -mindepth 1 -not -name README.md -delete

.PHONY: help results quick plan sweep attacks calibrate docs lab check test test-workflow test-browser test-slurm test-long test-oldest test-python soundness bench lint lock clean
