# Tallystick: `make` alone lists what there is.
.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format threats coverage mutation fuzz bench-signing lock audit clean campaign
BIN := .venv/bin

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | while IFS="$$(printf '\t')" read -r name what; do \
		printf '  make %-13s %s\n' "$$name" "$$what"; done

setup: ## make .venv with everything in it, and find or install an MQTT broker
	@scripts/setup.sh

demo: setup ## run broker, gateway and devices, pay and settle (KEEP=1 leaves them running, RAIL=evm settles on a chain)
	@$(BIN)/tallystick demo $(if $(filter-out 0,$(KEEP)),--keep) $(if $(RAIL),--rail $(RAIL))

test: setup lint ## check and test everything, on real services
	@scripts/test-services.sh
	$(BIN)/pytest -n 2

lint: setup ## check format, style and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	@scripts/check-esp32.sh

format: setup ## put the code into its format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

threats: setup ## write docs/threats.md from the tests
	$(BIN)/python -m tests.threats.page

coverage: setup ## every branch of the money core is reached by its tests
	@scripts/test-services.sh
	$(BIN)/python -m tests.coverage.measure

mutation: setup ## every small fault in the money core is noticed (about half an hour)
	$(BIN)/python -m tests.mutation.run

fuzz: setup ## any bytes on any input (TARGETS=decoder RUNS=1000000 SEED=7 choose)
	$(BIN)/python -m tests.fuzz.run $(or $(TARGETS),all) $(if $(RUNS),--runs $(RUNS)) --seed $(or $(SEED),1)

bench-signing: setup ## what a signature costs under MicroPython, against the textbook's
	@$(BIN)/python -m tests.micropython.bench $(if $(ROUNDS),--rounds $(ROUNDS))

campaign: setup ## the long campaigns, hours of them (ONLY="world crash" chooses)
	@scripts/test-services.sh
	@scripts/campaign.sh $(ONLY)

lock: setup ## write requirements.lock anew from pyproject.toml, and keep the versions that fit
	@scripts/lock.sh

audit: setup ## ask the public advisories about every package in requirements.lock
	@scripts/audit.sh

clean: ## remove .venv and everything that was made
	rm -rf .venv setup.log build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
