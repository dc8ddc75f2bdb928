# Everything sets itself up: `make demo` and `make test` need Python 3.11 or newer, make, and a network once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# Where `make tables` finds train/ and test/ with one sub-folder a class, and keeps what it measured.
DATA ?= ../shared/data/cifar10-mini.tar
RACE ?= ../shared/data/clothing-mini.tar
OTHER ?= ../shared/data/fashion-mini.tar
VIDEOS ?= ../shared/data/videos-mini.tar
TABLES ?= build/tables
DRILL ?= build/drill
# The versions that are installed; `make -B setup CONSTRAINTS=` takes whatever pyproject.toml allows.
CONSTRAINTS ?= constraints.txt
TESTS := QT_QPA_PLATFORM=offscreen $(BIN)/python -m pytest -n 2 --dist worksteal

.PHONY: help setup demo studio test test-long cover drill fuzz tables check libraries format lock package clean

help:
	@echo "make demo       the whole job on the built-in sample, in minutes (into demo/)"
	@echo "make studio     open the window"
	@echo "make test       lint, types, import rules and tests"
	@echo "make test-long  the tests that take minutes"
	@echo "make cover      the tests, and which lines none of them reaches"
	@echo "make drill      kills, failing disks and damage everywhere in a run's life (half an hour or more on two cores)"
	@echo "make fuzz       20,000 damaged inputs for each reader of files (some hours), with their counts"
	@echo "make tables     the tables of docs/benchmarks.md that take training runs (DATA=, RACE=, OTHER=, VIDEOS=folder or tar)"
	@echo "make check      lint, types and import rules only"
	@echo "make lock       take the newest versions that pyproject.toml allows, and write constraints.txt"
	@echo "make package    build the wheel, install it in a clean environment and run it"

setup: $(READY)

$(READY): pyproject.toml $(CONSTRAINTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) \
		|| { echo "Cannot make $(VENV); on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "Installing into $(VENV); the first time takes minutes (torch is large)…"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $(addprefix -c ,$(CONSTRAINTS)) -e '.[studio,test]' \
		|| { echo "The installation failed; the last ERROR above says at what. It needs a network and about 7 GB of disk" \
			"($$(df -Pk . | awk 'END {print int($$4 / 1e6)}') GB are free here): see to them and try again."; exit 1; }
	@touch $@

demo: $(READY)
	$(BIN)/sit-engine demo --out demo --replace

studio: $(READY)
	$(BIN)/sit-studio

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

libraries: $(READY)
	@$(BIN)/python -c 'import sys; from sit_studio.app import missing_packages as m; \
		gone = m("offscreen"); \
		sys.exit("Qt needs system libraries. On Debian and Ubuntu: apt-get install " + " ".join(gone) if gone else 0)'

test: libraries check
	$(TESTS)

# Child processes count too (the plug-in sets that up for them); of one that is killed nothing is known.
cover: libraries
	$(TESTS) --cov --cov-report=term-missing:skip-covered

test-long: $(READY)
	QT_QPA_PLATFORM=offscreen $(BIN)/python -m pytest -m long

# Goes on where it was stopped; `rm -r build/drill` begins anew.
drill: $(READY)
	$(BIN)/python -m tests.drill --out $(DRILL)

# Each reader that is found wanting gets a test of its own in tests/fuzz/test_found.py.
fuzz: $(READY)
	QT_QPA_PLATFORM=offscreen $(BIN)/python -m pytest tests/fuzz/test_readers.py --hypothesis-profile=fuzz --timeout=7200 -o faulthandler_timeout=0

# Goes on where it was stopped; about eight hours on two cores.
tables: $(READY)
	$(BIN)/python -m benchmarks.tables finetune $(DATA) --out $(TABLES)
	$(BIN)/python -m benchmarks.tasks $(DATA) --out $(TABLES)
	$(BIN)/python -m benchmarks.race $(DATA) $(RACE) --out $(TABLES)
	$(BIN)/python -m benchmarks.backbones $(DATA) --out $(TABLES)/backbones
	$(BIN)/python -m benchmarks.backbones $(RACE) --out $(TABLES)/backbones --side 128 --minutes 2
	$(BIN)/python -m benchmarks.ranking $(DATA) --out $(TABLES)/ranking
	$(BIN)/python -m benchmarks.search $(DATA) --out $(TABLES)/search
	$(BIN)/python -m benchmarks.stand_in $(DATA) $(OTHER) --out $(TABLES)/stand-in
	$(BIN)/python -m benchmarks.videos $(VIDEOS) --out $(TABLES)/videos
	$(BIN)/python -m benchmarks.clip_index

# Then run `make test`; to go back: `git checkout constraints.txt`, `make setup`.
lock: $(READY)
	$(BIN)/python -m pip install --quiet --upgrade --upgrade-strategy eager -e '.[studio,test]'
	$(BIN)/python packaging/constraints.py > $(VENV)/constraints.txt
	mv $(VENV)/constraints.txt constraints.txt
	@touch $(READY)

package: $(READY)
	$(BIN)/python -m pytest packaging

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf demo build dist *.egg-info
