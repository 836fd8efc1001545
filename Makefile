# Everything a fresh machine needs is Python 3.11 or newer and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help run dev test coverage check docs schema messages format lock screenshots crash-matrix page-matrix
.PHONY: gate gate-full gate-soak gate-selftest gate-repeated soak-collector bench-accounts bench-ingest bench-budgets bench-costs bench-history bench-overview bench-pages bench-events bench-failures bench-first-start bench-fragments bench-logs bench-providers bench-reports bench-alerts bench-observability bench-proxy bench-polling prove-history fuzz-proxy

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | awk -F'|' '{printf "%-22s %s\n", $$1, $$2}'

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Tollgate needs Python 3.11 or newer; say `make PYTHON=python3.12 ...` if it has another name")'
	@# A half-made one (Debian without python3-venv) must not look like a whole one.
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/base.stamp: requirements/base.txt | $(BIN)/python
	$(BIN)/pip install --quiet --require-hashes -r requirements/base.txt
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt | $(BIN)/python
	$(BIN)/pip install --quiet --require-hashes -r requirements/dev.txt
	@touch $@ $(VENV)/base.stamp

run: $(VENV)/base.stamp ## Start dashboard, collector and database (and a simulated upstream if none is configured)
	@exec $(BIN)/python -m config.stack

dev: $(VENV)/dev.stamp ## The same in debug mode: changed code, templates and styles are loaded at once
	@exec env DEBUG=true $(BIN)/python -m config.stack

# Tests wait half of their time: for processes, browsers, clocks. Four at once keep two cores busy.
AT_ONCE = -n 4 --dist loadfile --no-loadscope-reorder

# A temporary folder of its own: another run on the machine would tighten the shared one's mode.
OWN_TMPDIR = folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && TMPDIR=$$folder

test: $(VENV)/dev.stamp ## Run the whole suite, or a part of it: make test T=tests/config
	@$(BIN)/python -m tests.browser
	@$(OWN_TMPDIR) $(BIN)/python -m pytest -q $(or $(T),$(AT_ONCE))

coverage: $(VENV)/dev.stamp ## Run the suite (or T=...) measuring lines and branches, also in child processes
	@rm -rf var/coverage && mkdir -p var/coverage
	@# Measuring slows everything down: a test that fails for that does not take the figure away.
	-@$(OWN_TMPDIR) $(BIN)/coverage run -m pytest -q $(or $(T),$(AT_ONCE))
	@$(BIN)/coverage combine -q
	@$(BIN)/coverage html -q -d var/coverage/html
	@$(BIN)/coverage report

crash-matrix: $(VENV)/dev.stamp ## Kill, freeze and starve real collectors at every step; the suite does so at a few
	@$(OWN_TMPDIR) $(BIN)/python -m pytest -m "matrix or not matrix" -q \
		tests/usage/collector/test_crashes.py tests/usage/collector/test_disasters.py tests/providers/funnel/test_write_crashes.py

page-matrix: $(VENV)/dev.stamp ## Open every page as every role, in every language, upstream up, hung and down; the suite covers pairs
	@$(OWN_TMPDIR) TOLLGATE_REQUIRE_BROWSER=1 $(BIN)/python -m pytest -m matrix -q tests/pages/walk

TEMPLATES = $$(find . -name '*.html' -path '*/templates/*' -not -path './$(VENV)/*' -not -path './var/*')

format: $(VENV)/dev.stamp ## Bring code and templates into shape, with the safe fixes of the linters
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	-$(BIN)/djade --target-version 5.2 $(TEMPLATES)

check: $(VENV)/dev.stamp ## Format, lint, types, layering, templates, migrations
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/djade --target-version 5.2 --check $(TEMPLATES)
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py check --deploy --fail-level WARNING

docs: $(VENV)/dev.stamp ## Write the table of environment variables and the tree of packages into docs/
	@$(BIN)/python -m config.documentation
	@$(BIN)/python -m tests.docs.tree

schema: $(VENV)/dev.stamp ## Write config/schema/schema.sql, from which a new embedded database is made, from the migrations
	@$(BIN)/python -m config.schema.writing

messages: $(VENV)/dev.stamp ## Bring the catalogues under locale/ up to date with the sources, and list what lacks a translation (needs GNU gettext)
	@$(BIN)/python -m tests.languages

screenshots: $(VENV)/dev.stamp ## Make the pictures of all pages anew (five minutes; P="usage overview": only these; needs Chromium)
	@$(BIN)/python -m tests.screenshots $(P)

lock: ## Compile pyproject.toml into hash-pinned requirements (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements/base.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml --extra otel --group dev -o requirements/dev.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml --extra otel -c requirements/dev.txt -o requirements/otel.txt

soak-collector: $(VENV)/dev.stamp ## Kill the collector every 20-60 s for half an hour (CLIPROXYAPI_BINARY: a real upstream; M=5: minutes)
	@$(BIN)/python -m tests.bench.soak_collector --minutes $(or $(M),30)

bench-ingest: $(VENV)/dev.stamp ## Drain, sustained load, memory, idling and freshness of the collector (15 minutes)
	@$(BIN)/python -m tests.bench.ingest

prove-history: $(VENV)/dev.stamp ## A million random queries of history against plain SQL (hours; tests run some hundred)
	@$(BIN)/python -m tests.bench.prove_history

bench-history: $(VENV)/dev.stamp ## Queries of history on the reference dataset (30 minutes, most of them for the dataset the first time)
	@$(BIN)/python -m tests.bench.history

bench-overview: $(VENV)/dev.stamp ## The first page on the reference dataset (2 minutes once it is there)
	@$(BIN)/python -m tests.bench.history overview

bench-reports: $(VENV)/dev.stamp ## The regions of Usage, Speed, Matrix and Compare on the reference dataset
	@$(BIN)/python -m tests.bench.history reports

bench-fragments: $(VENV)/dev.stamp ## What the regions of all usage pages and other large pages cost in CPU on the reference dataset, also on a busy machine (a minute)
	@$(BIN)/python -m tests.bench.fragments

bench-pages: $(VENV)/dev.stamp ## How soon the first page after login can be used in a browser (a minute)
	@$(BIN)/python -m tests.bench.pages

bench-first-start: $(VENV)/dev.stamp ## How soon `make run` serves in a fresh clone and has its whole past (a minute)
	@$(BIN)/python -m tests.bench.first_start

bench-costs: $(VENV)/dev.stamp ## Recompute costs of the reference dataset, alone and beside collection; upgrade; reading and draining with costs against without (40 minutes)
	@$(BIN)/python -m tests.bench.costing

bench-budgets: $(VENV)/dev.stamp ## Evaluate a thousand budgets on the reference dataset (30 minutes the first time, for the dataset; then one)
	@$(BIN)/python -m tests.bench.budgets

bench-events: $(VENV)/dev.stamp ## Pages of events anywhere in the list, and exports, on the reference dataset (5 minutes once it is there)
	@$(BIN)/python -m tests.bench.events

bench-failures: $(VENV)/dev.stamp ## The Failures page on the reference dataset (a minute once it is there)
	@$(BIN)/python -m tests.bench.failures

bench-logs: $(VENV)/dev.stamp ## A thousand log lines a second, followed in a browser (five minutes; T=30: so many seconds)
	@$(BIN)/python -m tests.bench.logs $(T)

bench-providers: $(VENV)/dev.stamp ## Change an upstream by 64 at once (REAL="LABEL=URL ..." for running ones, key in MANAGEMENT_API_KEY)
	@$(BIN)/python -m tests.bench.providers $(foreach upstream,$(REAL),--real $(upstream))

bench-accounts: $(VENV)/dev.stamp ## Lists of a thousand accounts and client keys, and 500 files uploaded at once (three minutes)
	@$(BIN)/python -m tests.bench.accounts

bench-alerts: $(VENV)/dev.stamp ## A hundred alert rules on the reference dataset, 200 killed evaluations, and a stalled collector (8 minutes once it is there)
	@$(BIN)/python -m tests.bench.alerts

bench-observability: $(VENV)/dev.stamp ## What logs and metrics cost, and a scrape on the reference dataset (2 minutes once it is there; E=200000: another size)
	@$(BIN)/python -m tests.bench.observability $(if $(E),--events $(E))

bench-proxy: $(VENV)/dev.stamp ## What the management proxy costs and withstands (4 minutes); writes docs/benchmarks.md
	@$(BIN)/python -m tests.bench.proxy

gate: $(VENV)/dev.stamp ## Put this version under the load of a bad day and say go or no-go (10 minutes; report in var/gate)
	@$(OWN_TMPDIR) $(BIN)/python -m tests.gate

gate-full: $(VENV)/dev.stamp ## The same on the reference dataset, and longer (an hour)
	@$(OWN_TMPDIR) $(BIN)/python -m tests.gate --plan full --output var/gate-full
	@$(BIN)/python -m tests.gate.report.section var/gate-full/gate.json "Rollout gate: the reference dataset" "make gate-full"

gate-soak: $(VENV)/dev.stamp ## Everything at once for an hour
	@$(OWN_TMPDIR) $(BIN)/python -m tests.gate --plan soak --output var/gate-soak
	@$(BIN)/python -m tests.gate.report.section var/gate-soak/gate.json "Rollout gate: an hour" "make gate-soak"

gate-selftest: $(VENV)/dev.stamp ## Make one mistake after another on purpose: does each turn red what it should? (half an hour; continues after an interruption)
	@$(OWN_TMPDIR) $(BIN)/python -m tests.gate.selftest

gate-repeated: $(VENV)/dev.stamp ## Judge the same version again and again beside a bounded load: are the verdicts equal? (N=10, BESIDE=2)
	@$(OWN_TMPDIR) $(BIN)/python -m tests.gate.repeated $(or $(N),10) --beside $(or $(BESIDE),2)

bench-polling: $(VENV)/dev.stamp ## How often open pages poll, counted before the server (5 minutes; T=60: seconds; needs Chromium)
	@$(BIN)/python -m tests.bench.polling --seconds $(or $(T),300)

fuzz-proxy: $(VENV)/dev.stamp ## Send the management proxy 100,000 hostile requests
	@FUZZ_EXAMPLES=100000 $(BIN)/python -m pytest tests/management_proxy/proxy/test_fuzz.py -q
