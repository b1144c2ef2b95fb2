# Two commands do everything on a fresh machine: make demo, make test. Both build the virtual environment .venv.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo paper test test-long test-page torture test-nnunet test-torchio2 format clean

demo: .venv/installed
	$(BIN)/robustq stress --noise gaussian --levels 0,1,10,20,30

# Hours, on a GPU: the paper's setting. TRAIN and TEST are what --data takes; SET replaces entries of the file.
paper: .venv/installed
	$(BIN)/robustq study benchmarks/paper/paper.toml --out runs/paper \
		--set 'data.train="$(TRAIN)"' --set 'data.test=["$(TRAIN)", "$(TEST)"]' $(SET)

test: .venv/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2

# Minutes: coverage of the bootstrap interval by simulation.
test-long: .venv/installed-test
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 -m long

# Opens pages in the Chromium of the system (apt-get install chromium), driven by Playwright's client.
test-page: .venv/installed-test
	$(BIN)/python -m pip install --quiet 'playwright>=1.48' axe-playwright-python
	OMP_NUM_THREADS=1 $(BIN)/pytest -m page tests/page

# Hours: commands that are killed at random moments and given again end with the files of one that nobody killed.
torture: .venv/installed-test
	$(BIN)/python benchmarks/torture.py

# nnU-Net asks for an older timm, so its tests have an environment of their own.
test-nnunet: .venv-nnunet/installed
	OMP_NUM_THREADS=1 .venv-nnunet/bin/pytest -m "" -k nnunet tests/plugins/robustq_nnunet tests/network/test_every_architecture.py

# TorchIO 2 is a pre-release, and its transforms differ: built-in perturbations must not.
test-torchio2: .venv-torchio2/installed
	OMP_NUM_THREADS=1 .venv-torchio2/bin/pytest tests/plugins/robustq_torchio tests/request/test_names.py tests/data tests/draws
	OMP_NUM_THREADS=1 .venv-torchio2/bin/pytest -k "perturbation or torchio" tests/testing

format: .venv/installed-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv .venv-nnunet .venv-torchio2 build dist

$(BIN)/python:
	$(PYTHON) -m venv .venv

# Entry points are read from the installed metadata, so a new item needs a new install.
.venv/installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/installed-test: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@ .venv/installed

.venv-nnunet/installed: pyproject.toml
	$(PYTHON) -m venv .venv-nnunet
	.venv-nnunet/bin/python -m pip install --quiet --editable '.[test,nnunet]'
	touch $@

.venv-torchio2/installed: pyproject.toml
	$(PYTHON) -m venv .venv-torchio2
	.venv-torchio2/bin/python -m pip install --quiet --editable '.[test]' 'torchio==2.0.0a2'
	touch $@
