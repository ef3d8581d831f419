# `make demo` and `make test` are all that a stranger needs: Python >= 3.11, git and make must be there, everything else
# goes into this folder (.venv and .cache). `make help` lists the rest.

VENV ?= .venv
TESTS ?=
PYTEST = $(VENV)/bin/python -m pytest -n auto --dist worksteal
SOURCES = eventstore projector collector cli tests bench docs

export PIP_CACHE_DIR := $(CURDIR)/.cache/pip
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_REQUIRE_VIRTUALENV := 1

# The first Python that is new enough, really runs (a version manager's shim may not) and can make an environment.
USABLE = import ensurepip, sqlite3, ssl, sys, venv; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for each in python3.13 python3.12 python3.11 python3 python; do \
	"$$each" -c '$(USABLE)' >/dev/null 2>&1 && echo "$$each" && break; done)

# An environment knows the folder it was made in: where that has moved, or its Python is gone, it is made again.
$(shell [ "$$(cat $(VENV)/.locked 2>/dev/null)" = "$(CURDIR)" ] && $(VENV)/bin/python -c '' 2>/dev/null \
	|| rm -f $(VENV)/.locked)

.PHONY: help setup demo test quick thorough test-long check format docs reference faults tutorial bench unattended kills planted mutation lock clean
.DELETE_ON_ERROR:

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' Makefile

setup: $(VENV)/.ready  ## the virtual environment, with orlog in it; every other target does this first

demo: setup  ## a whole tour of orlog on generated data, no network
	$(VENV)/bin/orlog demo

test: setup  ## all tests; TESTS="tests/unit -k patch" for some
	$(PYTEST) $(TESTS)

quick: setup  ## the tests that are over at once
	$(PYTEST) -m "not slow" $(or $(TESTS),tests/unit tests/properties)

thorough: setup  ## tests that try a part of it by default, with all: 1000 flipped bytes, every commit, 200 killed syncs
	ORLOG_THOROUGH=1 $(PYTEST) -m thorough --timeout=1800 $(TESTS)

test-long: setup  ## property tests and state machines with fifty times the examples; may take an hour
	$(PYTEST) --hypothesis-profile=long --timeout=3600 $(or $(TESTS),tests/properties tests/stateful)

check: setup  ## formatting, lint, types, and who imports whom
	$(VENV)/bin/python -m ruff format --check
	$(VENV)/bin/python -m ruff check
	$(VENV)/bin/python -m mypy
	$(VENV)/bin/lint-imports --no-logo

format: setup  ## format, and mend what ruff can
	$(VENV)/bin/python -m ruff check --fix-only
	$(VENV)/bin/python -m ruff format

docs: .cache/docs/env/.locked  ## the documentation as pages, in .cache/docs/html; warnings are errors
	$(<D)/bin/python -m sphinx --builder html --doctree-dir .cache/docs/doctrees --fresh-env --nitpicky \
		--fail-on-warning --quiet docs .cache/docs/html
	@echo "open $(CURDIR)/.cache/docs/html/index.html"

reference: setup  ## write docs/reference.md and docs/views.md anew, from the help of the commands and the projections
	$(VENV)/bin/python -m docs.reference
	$(VENV)/bin/python -m docs.views

faults: setup  ## play each way in which an API can misbehave, and write docs/faults.md anew
	$(VENV)/bin/python -m docs.faults

tutorial: setup  ## run the commands that the docs show, on the recording, and write what they print into the pages
	$(VENV)/bin/python -m tests.tutorial

bench: setup .cache/bench/.locked  ## speed and size beside git-history's, on the recordings
	GIT_HISTORY=.cache/bench/bin/git-history $(VENV)/bin/python -m bench $(ARGS)

unattended: setup  ## `orlog run` for sixty virtual days against a server that misbehaves; five minutes
	ORLOG_UNATTENDED_DAYS=60 $(VENV)/bin/python -m pytest -n 0 tests/faults/test_unattended.py

kills: setup  ## kill a compaction at every single one of its writes; a quarter of an hour
	ORLOG_KILL_EVERY=1 $(VENV)/bin/python -m pytest -n 0 tests/faults/test_killed_compactions.py

planted: setup  ## plant bugs in a copy of the tree, one by one; the tests must find each
	$(VENV)/bin/python -m tests.planted

mutation: setup  ## mutation testing of what [tool.mutmut] in pyproject.toml names; survivors at the end
	CI=true $(VENV)/bin/mutmut run $(ARGS)
	$(VENV)/bin/mutmut results

lock: .cache/uv/.made  ## write all three locks anew; UPGRADE=--upgrade for the newest versions
	$(UV_COMPILE) --group dev pyproject.toml -o requirements.lock
	$(UV_COMPILE) --group bench -o requirements-bench.lock
	$(UV_COMPILE) --group docs pyproject.toml -o requirements-docs.lock

clean:  ## remove all that was made here
	rm -rf .venv .cache .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .coverage mutants build dist
	find $(SOURCES) -name __pycache__ -prune -exec rm -rf {} +

# One lock for Python 3.11 and newer on every platform, with hashes, and no address of any index.
UV_COMPILE = .cache/uv/bin/uv --cache-dir .cache/uv/cache pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(UPGRADE)

define new_environment
@[ -n "$(PYTHON)" ] || { echo 'orlog needs Python 3.11 or newer that can make virtual environments.' \
	'Debian and Ubuntu: apt install python3-venv. Another Python: make PYTHON=/path/to/python3' >&2; exit 1; }
@"$(PYTHON)" -c '$(USABLE)' || { echo '$(PYTHON) is no Python 3.11 or newer with venv, ensurepip, sqlite3 and ssl.' \
	'Debian and Ubuntu: apt install python3-venv' >&2; exit 1; }
"$(PYTHON)" -m venv --clear $(@D)
endef

INSTALL_LOCKED = $(@D)/bin/python -m pip install --quiet --no-deps --require-hashes -r

$(VENV)/.locked: requirements.lock
	$(new_environment)
	$(INSTALL_LOCKED) $<
	@echo "$(CURDIR)" > $@

# The build back end comes from the lock too: pip's own build isolation would download it, whatever its hash.
$(VENV)/.ready: $(VENV)/.locked pyproject.toml retention.toml
	$(@D)/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	$(@D)/bin/python -m pip check
	@touch $@

.cache/bench/.locked: requirements-bench.lock
	$(new_environment)
	$(INSTALL_LOCKED) $<
	@touch $@

# orlog itself stays out of it: conf.py finds it beside docs/. What it needs is in the lock, for its docstrings are read
# by importing it.
.cache/docs/env/.locked: requirements-docs.lock
	$(new_environment)
	$(INSTALL_LOCKED) $<
	@touch $@

.cache/uv/.made:
	$(new_environment)
	$(@D)/bin/python -m pip install --quiet uv
	@touch $@
