"""What importing needs: the package nothing but itself, the optimizer no library of other doors."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REPORT_AND_COMMAND_LINE = {"typer", "rich", "matplotlib", "jinja2"}
FILES_AND_LEARNING = {"polars", "pyarrow", "narwhals", "sklearn", "arch", "statsmodels"}
EXTRAS = {"lightgbm", "dask", "distributed"}
OTHERS = {"numpy", "scipy", "pandas", "numba", "cvxpy", "clarabel", "joblib", "cloudpickle"}

BLOCKER = """
import importlib.abc, sys

class Blocker(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

blocked = set(sys.argv[1:])
sys.meta_path.insert(0, Blocker())
"""
OPTIMIZER = """
import numpy as np
import statarb as sa
scenarios = np.random.default_rng(0).normal(0.001, 0.01, (60, 4))
problem = sa.MeanDownsideRisk(risk_aversion=1.0, fee=0.0)
fast = problem.solve(scenarios.mean(axis=0), scenarios)
print(f"{fast.objective:.9f}", fast.status)
"""
MODULES = """
import importlib, pkgutil, statarb
for module in pkgutil.walk_packages(statarb.__path__, "statarb."):
    if module.name.split(".")[1] not in ("cli", "__main__", "embedded"):
        importlib.import_module(module.name)
        print(module.name)
"""
GRADIENT_BOOSTING = """
import statarb as sa
panel = sa.simulate_market(assets=4, days=2, seed=0)
model = sa.forecasting.GradientBoosting(engine="lightgbm", rounds=2)
try:
    model.fit(panel)
except sa.ParameterError as error:
    print(error)
"""


def run(code: str, blocked: set[str]) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own, in which some libraries cannot be imported."""
    words = [sys.executable, "-c", BLOCKER + code, *sorted(blocked)]
    return subprocess.run(words, capture_output=True, text=True, cwd=ROOT, check=False)


def test_the_package_is_imported_without_any_other():
    everything = REPORT_AND_COMMAND_LINE | FILES_AND_LEARNING | EXTRAS | OTHERS
    done = run("import statarb\nprint(statarb.__version__)", everything)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == __import__("statarb").__version__


def test_the_optimizer_needs_no_library_of_other_doors():
    done = run(OPTIMIZER, REPORT_AND_COMMAND_LINE | FILES_AND_LEARNING | EXTRAS)
    assert done.returncode == 0, done.stderr
    assert done.stdout == run(OPTIMIZER, set()).stdout
    assert "optimal" in done.stdout


def test_no_module_below_the_command_line_needs_a_library_of_reports_to_be_imported():
    done = run(MODULES, REPORT_AND_COMMAND_LINE | EXTRAS)
    assert done.returncode == 0, done.stderr
    assert {"statarb.report", "statarb.pipelines", "statarb.investors"} <= set(done.stdout.split())


def test_the_blocker_blocks():
    done = run("import statarb.cli", {"typer"})
    assert done.returncode == 1
    assert "No module named 'typer'" in done.stderr


def test_an_absent_extra_is_named():
    done = run(GRADIENT_BOOSTING, {"lightgbm"})
    assert done.returncode == 0, done.stderr
    assert "pip install 'statarb[boost]'" in done.stdout
