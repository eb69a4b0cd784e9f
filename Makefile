.PHONY: help setup demo test lint bench clean
PYTHON ?= python3
BIN := .venv/bin

help: ## list these targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "%-8s %s\n", $$1, $$2}'

setup: .venv/installed ## make .venv and install everything the project needs

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv && $(BIN)/pip install --disable-pip-version-check -q -e '.[local,boards,gateway,dev]' && touch $@

demo: setup ## run the whole line on this machine and watch it
	@$(BIN)/tidectl demo

test: setup ## run every test
	@$(BIN)/pytest -n 4 --dist loadfile

lint: setup ## ruff, mypy --strict and cfn-lint
	@$(BIN)/ruff check && $(BIN)/ruff format --check && $(BIN)/mypy && $(BIN)/cfn-lint cloud/template.yaml

bench: setup ## measure against peers; ONLY=wire for one bench
	@$(BIN)/python -m tests.bench $(ONLY)

clean: ## remove what make and tidectl made here
	rm -rf .venv .tidegauge .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
