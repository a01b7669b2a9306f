# One line each: the logic is in tools/dev.py, which also works without make (python3 tools/dev.py help).
PYTHON3 := $(firstword $(foreach name,python3 python3.13 python3.12 python3.11 python,$(shell command -v $(name) 2>/dev/null)))
DEV = $(or $(PYTHON3),$(error Python 3.11 or newer is needed, none was found)) tools/dev.py
export PYTHON TORCH_INDEX

.PHONY: help setup book test test-full lint serve clean

help: ## say what there is
	@grep -E '^[a-z-]+: ##' Makefile | sed 's/: ## /\t/' | expand -t 10

setup: ## make the environment in .venv (book and test do it themselves)
	@$(DEV) setup

book: ## execute the notebooks and build the pages in _build/html
	@$(DEV) book

test: ## run every check, with notebooks in the smoke profile
	@$(DEV) test

test-full: ## run every check, with notebooks as readers see them
	@$(DEV) test-full

lint: ## format, lint and types (make test does it too)
	@$(DEV) lint

serve: ## show the built book at http://localhost:8000
	@$(DEV) serve

clean: ## remove what was built (.venv stays)
	@$(DEV) clean
