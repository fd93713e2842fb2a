# Each target is one line that calls a tool; `make up` and `make test` need nothing but python3 (with venv), git and make.
PYTHON ?= python3

.PHONY: up test check fix dev bench openapi lock
.DEFAULT_GOAL := up

up:        ## start the whole product
	@$(PYTHON) tools/setup.py up && exec .venv/bin/afterglow up

test:      ## set up what is needed and run every test
	@$(PYTHON) tools/setup.py test && exec .venv/bin/python tools/test.py

check:     ## the quick part: lint, types, contracts
	@$(PYTHON) tools/setup.py dev && exec .venv/bin/python tools/test.py lint types contracts web-lint web-types

fix:       ## format, mend what can be mended, refresh generated pages
	@$(PYTHON) tools/setup.py dev && exec .venv/bin/python tools/fix.py

dev:       ## the server, restarted when its sources change, and Vite's dev server
	@$(PYTHON) tools/setup.py dev && exec .venv/bin/python tools/dev.py

bench:     ## repeatable benchmarks, one JSON line each
	@$(PYTHON) tools/setup.py test && exec .venv/bin/python tools/bench.py

openapi:   ## docs/reference/openapi.json and the web client's types from the code
	@$(PYTHON) tools/setup.py dev && exec .venv/bin/python tools/openapi.py

lock:      ## requirements/*.lock from requirements/*.in (ARGS=--upgrade for newer versions)
	@$(PYTHON) tools/setup.py dev && exec .venv/bin/python tools/lock.py $(ARGS)
