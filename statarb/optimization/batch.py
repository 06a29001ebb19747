"""Many problems at once: batch production of weights."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd

from statarb._core.checks import check_jobs
from statarb._core.typing import FloatArray
from statarb.errors import DataError, InfeasibleError, ParameterError
from statarb.optimization.inputs import ByAsset, Scenarios, Vector
from statarb.optimization.mean_downside_risk import MeanDownsideRisk
from statarb.optimization.objectives import NoGain
from statarb.optimization.solution import Solution, infeasible_solution

__all__ = ["BatchProblem", "batch_solve"]


@dataclasses.dataclass(frozen=True, eq=False)
class BatchProblem:
    """One problem of a batch: what :meth:`MeanDownsideRisk.solve` is called with.

    Parameters
    ----------
    problem : MeanDownsideRisk
        What is solved.
    expected_return : (N,) Series, mapping or array
        As in ``solve``.
    scenarios : (T, N) DataFrame, array or Scenarios
        As in ``solve``. Problems that share one object share one file in the workers.
    previous, max_trade : optional
        As in ``solve``.
    options : dict
        Further keyword arguments of ``solve``: ``volatility``, ``value``, ``numeraire_price``,
        ``scenario_weights``.
    """

    problem: MeanDownsideRisk
    expected_return: Vector
    scenarios: pd.DataFrame | FloatArray | Scenarios
    previous: Vector | None = None
    max_trade: ByAsset | None = None
    options: dict[str, Any] = dataclasses.field(default_factory=dict)


def batch_solve(problems: Sequence[BatchProblem], n_jobs: int = 1) -> list[Solution]:
    """Solve many problems, in order; the same weights, bit for bit, for every ``n_jobs``.

    Scenarios are checked once, written once to a temporary file, and mapped into memory by the
    workers, whose BLAS runs with one thread each. On a cluster, call it inside
    ``joblib.parallel_config("dask")`` with a shared folder for temporary files.

    Parameters
    ----------
    problems : sequence of BatchProblem
        What to solve.
    n_jobs : int
        Workers; -1 for as many as there are processors. With 1 everything runs in this process.

    Returns
    -------
    list of Solution
        A problem without a feasible portfolio, or without a solution in the ratio form, has the
        status ``infeasible``, weights of NaN, and the message in ``reason``. Other errors are
        raised.

    Raises
    ------
    DataError, ParameterError
        Bad input, with the position of the problem.
    """
    n_jobs = check_jobs(n_jobs)
    problems = list(problems)
    for position, problem in enumerate(problems):
        if not isinstance(problem, BatchProblem):
            raise ParameterError(
                f"problems must hold BatchProblem, got {type(problem).__name__} at position "
                f"{position}"
            )
    shared: dict[int, Scenarios] = {}
    for position, problem in enumerate(problems):
        if id(problem.scenarios) not in shared:
            try:
                shared[id(problem.scenarios)] = Scenarios.of(problem.scenarios)
            except DataError as error:
                raise DataError(f"problem {position}: {error}") from error
    if n_jobs == 1 or len(problems) < 2:
        return [
            _solve_one(position, problem, shared[id(problem.scenarios)])
            for position, problem in enumerate(problems)
        ]
    with tempfile.TemporaryDirectory(prefix="statarb-batch-") as folder:
        paths = {}
        for number, (key, table) in enumerate(shared.items()):
            paths[key] = Path(folder) / f"{number}.npy"
            np.save(paths[key], table.histories)
        with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
            found: list[Solution] = joblib.Parallel(n_jobs=n_jobs)(
                joblib.delayed(_solve_mapped)(
                    position,
                    dataclasses.replace(problem, scenarios=np.empty((0, 0))),
                    str(paths[id(problem.scenarios)]),
                    shared[id(problem.scenarios)].holes,
                    shared[id(problem.scenarios)].labels,
                )
                for position, problem in enumerate(problems)
            )
    return found


def _solve_mapped(
    position: int, problem: BatchProblem, path: str, holes: Any, labels: pd.Index | None
) -> Solution:
    # copy on write: nothing is written, and the kernels are compiled for arrays that could be
    histories = np.load(path, mmap_mode="c")
    return _solve_one(position, problem, Scenarios(np.asarray(histories), holes, labels))


def _solve_one(position: int, problem: BatchProblem, scenarios: Scenarios) -> Solution:
    labels = scenarios.labels
    if labels is None and isinstance(problem.expected_return, pd.Series):
        labels = problem.expected_return.index
    try:
        return problem.problem.solve(
            problem.expected_return,
            scenarios,
            problem.previous,
            problem.max_trade,
            **problem.options,
        )
    except (InfeasibleError, NoGain) as error:
        return infeasible_solution(len(scenarios.histories), labels, str(error))
    except DataError as error:
        raise DataError(f"problem {position}: {error}") from error
