# The event-loop lab. `make` alone says what there is; README.md says the rest.
#
#   make lab PORT=8899            another port
#   make lab PYTHON=python3.12    another Python (make clean first, if there is a .venv already)
#   make release DIR=out WHEELS=1 what students get, for a room without a network
#   make lock UPGRADE=1           newer versions of everything
#   make test MORE=2              fewer tests at once, of those that wait more than they compute
#   make proof-mutants ROOM=tape    tape, record, diagnosis or figure
#   make proof-soak MINUTES=5     how long a proof may take; it goes on where it ended the last time

PYTHON ?=
PORT   ?= 8888
MINUTES ?= 30
JOBS   ?= 2
MORE   ?= 6
START  := notebooks/00-start-here.ipynb

VENV := .venv
PY   := $(VENV)/bin/python
PIP  := $(PY) -m pip --disable-pip-version-check --quiet

# pip's stamps: written last, so an interrupted set-up is started again from nothing. The stamp holds
# the folder it was made in: a checkout that was moved, or whose Python is gone, is set up again.
LAB    := $(VENV)/.lab
TESTED := $(VENV)/.test
BROKEN := $(shell [ ! -e $(LAB) ] || { [ "$$(cat $(LAB))" = "$$(pwd -P)" ] && $(PY) -c ''; } 2>/dev/null || echo .broken)

# Hundreds of tests start a Python of their own: compiled once, each starts in half the time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help lab fast test lint types unit notebooks browser mutants bench release site lock clean .broken
.NOTPARALLEL:
.DELETE_ON_ERROR:

help:  ## say what there is (this)
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile
	@echo "  make proof-PART for PART in: $(PROOFS)"

lab: $(LAB)  ## open the lab in JupyterLab
	@[ -e $(START) ] || { echo "make lab: $(START) is missing from this checkout"; exit 1; }; \
	set -- --ip=127.0.0.1 --port="$(PORT)" --LabApp.default_url="/lab/tree/$(START)" \
	    --ServerApp.root_dir="$$(pwd -P)" --LabApp.workspaces_dir="$$(pwd -P)/$(VENV)/share/lab-workspaces" \
	    --ServerApp.answer_yes=True; \
	[ "$$(id -u)" != 0 ] || set -- "$$@" --allow-root; \
	if [ "$$(uname)" = Darwin ]; then [ -z "$$SSH_CONNECTION" ] || set -- "$$@" --no-browser; \
	elif [ -z "$$DISPLAY$$WAYLAND_DISPLAY$$BROWSER" ]; then set -- "$$@" --no-browser; fi; \
	echo "JupyterLab is starting: if no browser opens, open the address with the token below. Ctrl-C ends it."; \
	PATH="$$(pwd -P)/$(VENV)/bin:$$PATH" exec $(PY) -m jupyterlab "$$@"

fast: lint types  ## what to run after every change: style, types, the unit tests that need no waiting
	$(PY) -m pytest -q -n $(JOBS) --ignore=tests/browser -m "not browser and not notebook and not long and not slow and not unhurried" $(PYTEST)

test: lint types unit notebooks browser  ## check everything but what takes long: style, types, tests, notebooks, a real browser

lint: $(TESTED)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

types: $(TESTED)
	$(PY) -m mypy

unit: $(TESTED)  ## only the tests that need neither a notebook nor a browser
	$(PY) -m pytest -n $(MORE) --dist=worksteal --durations=10 --ignore=tests/browser -m "not browser and not notebook and not long" $(PYTEST)

notebooks: $(TESTED)  ## only run every notebook
	$(PY) -m pytest -n $(JOBS) --dist=loadfile --durations=10 --ignore=tests/browser -m "notebook and not browser and not long" $(PYTEST)

browser: $(TESTED)  ## only the tests in a real JupyterLab in a real browser
	@browser="$$($(PY) tests/browser/chromium.py)" && export CHROMIUM="$$browser"; \
	$(PY) -m pytest -n $(JOBS) --dist=loadfile --durations=10 tests/browser -m "browser and not long" $(PYTEST)

# What takes longer: a part each, in tests/proof, for MINUTES, into docs/proof.md.
PROOFS := $(filter-out __init__ written,$(basename $(notdir $(wildcard tests/proof/*.py))))
.PHONY: $(PROOFS:%=proof-%)
$(PROOFS:%=proof-%): proof-%: $(TESTED)
	$(PY) -m tests.proof.$* --minutes $(MINUTES)

mutants: proof-mutants  ## break the code of ROOM on purpose and count what the tests notice

bench: $(TESTED)  ## measure what benchmarks/README.md claims
	$(PY) -m benchmarks

site: $(TESTED)  ## run the lessons and build a site of them, in build/site/html: no kernel, no network
	$(PY) -m website build/site

release: $(LAB)  ## write what students get into DIR: no tests, no answers; WHEELS=1: with all wheels
	@[ -n "$(DIR)" ] || { echo "make release: say where, DIR=a-new-folder"; exit 2; }
	$(PY) deploy/release.py "$(DIR)" $(if $(WHEELS),--wheels)

$(LAB): requirements.lock pyproject.toml $(BROKEN)
	@[ ! -L $(VENV) ] || { echo "$(VENV) is a link to somebody else's: remove the link, and make sets up its own"; exit 2; }; \
	if [ -z "$(BROKEN)" ] && [ -e $@ ]; then \
	    rm -f $(LAB) $(TESTED); \
	    echo "The lock has changed: bringing $(VENV) up to date."; \
	else \
	    $(find_python) \
	    echo "Setting up $(VENV) with $$("$$python" --version): a minute or two, once."; \
	    rm -f $(LAB) $(TESTED); \
	    "$$python" -m venv --clear $(VENV) || exit 1; \
	fi; \
	$(PIP) install --require-hashes --requirement requirements.lock && \
	$(PIP) install --no-deps --no-build-isolation --editable . && \
	mkdir -p $(VENV)/share/jupyter/lab/settings && \
	printf '%s\n' '{"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": false}}' \
	    > $(VENV)/share/jupyter/lab/settings/overrides.json && \
	pwd -P > $@

$(TESTED): requirements-test.lock $(LAB)
	@echo "Adding the test tools to $(VENV)."; rm -f $@; \
	$(PIP) install --require-hashes --requirement requirements-test.lock && touch $@

# The first Python that really runs and is new enough, as "$$python". A name on PATH may be a shim
# that only explains itself, and Debian's Python may come without what makes a venv.
define find_python
set -- "$(PYTHON)"; [ -n "$$1" ] || set -- python3.13 python3.12 python3.11 python3.14 python3.15 python3; \
	    python=; bare=; \
	    for name in "$$@"; do \
	        "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue; \
	        "$$name" -c 'import ensurepip, venv' >/dev/null 2>&1 || { bare="$${bare:-$$name}"; continue; }; \
	        python="$$name"; break; \
	    done; \
	    if [ -z "$$python" ] && [ -n "$$bare" ]; then \
	        version="$$("$$bare" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"; \
	        echo "make: $$bare runs, but cannot make a virtual environment."; \
	        echo "      On Debian and Ubuntu: apt-get install python$$version-venv"; \
	        exit 1; \
	    elif [ -z "$$python" ]; then \
	        echo "make: found no Python 3.11 or newer that runs (tried: $$*)."; \
	        echo "      On Debian and Ubuntu: apt-get install python3 python3-venv"; \
	        echo "      Elsewhere: python.org or your package manager, or say where it is: make lab PYTHON=/path/to/python3"; \
	        exit 1; \
	    fi;
endef

lock:  ## pin every version again, after a change in pyproject.toml
	@$(find_python) [ -x .venv-lock/bin/uv ] || \
	    { "$$python" -m venv --clear .venv-lock && .venv-lock/bin/python -m pip --quiet install uv; }
	$(COMPILE) --output-file requirements.lock
	$(COMPILE) --extra test --constraint requirements.lock --output-file requirements-test.lock

COMPILE = .venv-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --group build \
    --no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command "make lock" \
    $(if $(UPGRADE),--upgrade) pyproject.toml

clean:  ## remove everything that make made
	rm -rf .venv .venv-lock .proof mutants build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis tests/browser/artifacts
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
