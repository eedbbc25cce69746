# Set-up installs Debian packages (nftables curl netcat-openbsd bind9-dnsutils nginx-light
# busybox iproute2 iputils-ping python3-venv) where they are missing, and a virtual environment
# in .venv with npol and its dependencies. Nothing else on the machine is touched.

VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
# What is never imported need not be compiled: that takes a third of the installation.
PIP := $(PY) -m pip install --quiet --disable-pip-version-check --no-compile
TOOLS := $(VENV)/tools

# Images set it, and then each of the hundreds of processes that tests start compiles npol anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint test-live nightly coverage reference docs bench bench-load lock audit clean

help: ## lists the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 18

setup: $(STAMP) ## installs what is missing: Debian packages, and .venv
	@tools/debian-packages

$(STAMP): pyproject.toml requirements/dev.txt
	@echo "npol: making $(VENV) and installing npol with its dependencies (kubernetes, pytest, ...)"
	@tools/debian-packages python
	@test -x $(PY) || $$(tools/python311) -m venv $(VENV)
	@$(PIP) --require-hashes --requirement requirements/dev.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup ## sets everything up and shows the main job in the lab
	@$(PY) tools/demo.py

# Shipped stories that have shorter relatives; the lab refuses Cilium's own kinds.
AT_NIGHT := fixtures/baseline/extras.npol.yaml fixtures/three-tier fixtures/reference fixtures/first-steps fixtures/fresh-pods fixtures/calico
LIVE_ONLY := fixtures/cilium

# Most of a test's time is waiting for packets that do not come: five at once on two cores. By files,
# as a module's lab is started once for each worker that has a test of it.
BY_FILE := --dist loadfile
test: setup lint ## sets everything up, lints and runs the tests
	@$(PY) -m pytest -n 5 $(BY_FILE) $(AT_NIGHT:%=--ignore=%) $(LIVE_ONLY:%=--ignore=%)

lint: $(STAMP) ## ruff, mypy and the import contracts
	@$(VENV)/bin/ruff check --quiet . && $(VENV)/bin/ruff format --quiet --check . \
	  && $(VENV)/bin/mypy --no-error-summary && $(VENV)/bin/lint-imports --no-logo >/dev/null \
	  && echo "lint: ruff, mypy and import contracts hold"

test-live: setup ## the live tests: KUBE_CONTEXT=... (KUBECONFIG=...), or on the rig
	@tools/test-live $(KUBE_CONTEXT)

# Most clusters tell no flow records: what runs at night does without, but where a test asks for them.
nightly: setup $(TOOLS)/.installed ## what takes longer; live tests on KUBE_CONTEXT, or on the rig if there is one
	@PATH="$$(tools/helm):$$(tools/actionlint):$$(tools/promtool):$$PATH" NPOL_FLOW_RECORDS=off \
	  NPOL_EXAMPLES=1 $(PY) -m pytest -n 4 $(BY_FILE) -m "nightly and not live and not alone" --timeout=3600
	@NPOL_FLOW_RECORDS=off $(PY) -m pytest -m "nightly and alone"
	@$(PY) -m pytest $(AT_NIGHT)
	@NPOL_EXAMPLES=10 $(PY) -m pytest -n 2 $(BY_FILE) -m "hypothesis and not nightly and not live" \
	  --timeout=3600
	@NPOL_FLOW_RECORDS=off NPOL_EXAMPLES=1 tools/test-live --nightly $(KUBE_CONTEXT)

coverage: setup ## what became of each row of docs/rows.md, and docs/coverage.md from it
	@$(PY) tools/coverage_rows.py --run

reference: setup ## writes what is made from npol itself: docs/reference, man/, RBAC in deploy/
	@$(PY) tools/reference.py

docs: $(TOOLS)/.installed ## builds the pages as a site in out/site; a link that leads nowhere fails it
	@$(PY) tools/site_pages.py out/pages
	@$(TOOLS)/bin/zensical build --clean --strict --config-file out/pages/mkdocs.yml
	@rm -rf out/site && mv out/pages/site out/site && echo "docs: out/site/index.html"

bench: setup ## the benchmarks, one after the other
	@for b in $(filter-out benchmarks/load.py benchmarks/request_chain.py,$(wildcard benchmarks/*.py)); do \
	  echo "== $$b"; $(PY) $$b || failed=1; done; exit $${failed:-0}

bench-load: setup ## the tests beside 30 busy processes; counts false verdicts (TESTS=...)
	@$(PY) benchmarks/load.py 30 $(or $(TESTS),-n 4 $(BY_FILE) --timeout=1800 $(LIVE_ONLY:%=--ignore=%))

# Tools of the supply chain, apart from what npol is developed with.
$(TOOLS)/.installed: requirements/tools.txt $(STAMP)
	@test -x $(TOOLS)/bin/python || $(PY) -m venv $(TOOLS)
	@$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check --no-compile \
	  --require-hashes --requirement requirements/tools.txt
	@touch $@

lock: $(TOOLS)/.installed ## chooses the versions of requirements/*.txt anew, with their hashes
	@UV=$(TOOLS)/bin/uv tools/lock --upgrade

audit: $(TOOLS)/.installed ## asks the advisory service about what requirements/*.txt name
	@PIP_AUDIT=$(TOOLS)/bin/pip-audit tools/audit requirements/dev.txt requirements/tools.txt

clean: ## removes .venv and caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
