"""Many problems at once: batch production of weights."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from joblib.parallel import get_active_backend
from threadpoolctl import threadpool_limits

from statarb._core.checks import check_jobs
from statarb._core.typing import FloatArray
from statarb.errors import DataError, InfeasibleError, ParameterError
from statarb.optimization.inputs import ByAsset, Scenarios, Vector
from statarb.optimization.mean_downside_risk import MeanDownsideRisk
from statarb.optimization.objectives import NoGain
from statarb.optimization.solution import Solution, infeasible_solution

__all__ = ["BatchProblem", "batch_solve"]

START_SECONDS = 3.0
"""Seconds that worker processes may take to start, import the library and load its kernels; a batch
is sent to them only where they save more.
"""

CHUNKS_PER_JOB = 8
"""Tasks per worker: few enough to be cheap, enough that none waits long for the last one."""


@dataclasses.dataclass(frozen=True, eq=False)
class BatchProblem:
    """One problem of a batch: the arguments of :meth:`MeanDownsideRisk.solve`.

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
        ``scenario_weights``, ``solver``; ``constraints`` as functions of the weights.
    """

    problem: MeanDownsideRisk
    expected_return: Vector
    scenarios: pd.DataFrame | FloatArray | Scenarios
    previous: Vector | None = None
    max_trade: ByAsset | None = None
    options: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, eq=False)
class _Task:
    """A problem without its scenarios, its place in the batch, and which scenarios it has."""

    position: int
    problem: BatchProblem
    table: int


def batch_solve(problems: Sequence[BatchProblem], n_jobs: int | None = None) -> list[Solution]:
    """Solve many problems, in order; the same weights, bit for bit, for every ``n_jobs`` and on
    every backend.

    Scenarios are checked once. Inside a ``joblib.parallel_config`` the problems run where that
    says, in tasks of some problems each: ``with joblib.parallel_config("dask"): batch_solve(...)``
    sends them to a Dask cluster. Elsewhere, with more than one job, they run in processes, which
    map the scenarios from a temporary file; a batch that is done sooner without them stays in this
    process. BLAS runs with one thread everywhere.

    Parameters
    ----------
    problems : sequence of BatchProblem
        What to solve.
    n_jobs : int, optional
        Workers; -1 for as many as there are processors. By default as the surrounding
        ``joblib.parallel_config`` says, else 1: everything runs in this process.

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
    if n_jobs is not None:
        n_jobs = check_jobs(n_jobs)
    problems = list(problems)
    tables, tasks = _read_tables(problems)
    backend, ambient_jobs = get_active_backend()
    # held in this process while workers of any kind run: threads would restore it in turns
    with threadpool_limits(1):
        if type(backend).__name__ not in ("LokyBackend", "SequentialBackend") and n_jobs != 1:
            return _solve_where_joblib_says(tasks, tables, n_jobs)
        jobs = n_jobs if n_jobs is not None else (ambient_jobs or 1)
        return _solve_here_or_in_processes(tasks, tables, jobs)


def _solve_where_joblib_says(
    tasks: list[_Task], tables: list[Scenarios], n_jobs: int | None
) -> list[Solution]:
    """Send tasks, with their scenarios, to the backend of the surrounding ``parallel_config``."""
    workers = joblib.effective_n_jobs(-1 if n_jobs is None else n_jobs)
    found = joblib.Parallel(n_jobs=n_jobs)(
        joblib.delayed(_solve_chunk)(chunk, {task.table: tables[task.table] for task in chunk})
        for chunk in _chunks(tasks, workers)
    )
    return [solution for chunk in found for solution in chunk]


def _solve_here_or_in_processes(
    tasks: list[_Task], tables: list[Scenarios], n_jobs: int
) -> list[Solution]:
    """Solve in this process until the time that others would save is longer than their start."""
    workers = joblib.effective_n_jobs(n_jobs) if n_jobs != 1 else 1
    solutions: list[Solution] = []
    began = time.perf_counter()
    for done, task in enumerate(tasks):
        left, spent = len(tasks) - done, time.perf_counter() - began
        # the first one may have compiled kernels
        if done == 1:
            began, spent = time.perf_counter(), 0.0
        if workers > 1 and done > 2:
            saved = spent / (done - 1) * left * (1.0 - 1.0 / min(workers, left))
            if saved > START_SECONDS:
                break
        solutions.append(_solve_one(task, tables[task.table]))
    rest = tasks[len(solutions) :]
    if not rest:
        return solutions
    with tempfile.TemporaryDirectory(prefix="statarb-batch-") as folder:
        mapped = {}
        for table in {task.table for task in rest}:
            path = Path(folder) / f"{table}.npy"
            np.save(path, tables[table].scenarios_by_asset)
            bare = dataclasses.replace(tables[table], scenarios_by_asset=np.empty((0, 0)))
            mapped[table] = bare, str(path)
        with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
            found = joblib.Parallel(n_jobs=n_jobs)(
                joblib.delayed(_solve_mapped)(
                    chunk, {task.table: mapped[task.table] for task in chunk}
                )
                for chunk in _chunks(rest, workers)
            )
    return solutions + [solution for chunk in found for solution in chunk]


def _read_tables(problems: list[BatchProblem]) -> tuple[list[Scenarios], list[_Task]]:
    """Check the problems and read each table of scenarios once."""
    places: dict[int, int] = {}
    tables: list[Scenarios] = []
    tasks: list[_Task] = []
    for position, problem in enumerate(problems):
        if not isinstance(problem, BatchProblem):
            raise ParameterError(
                f"problems must hold BatchProblem, got {type(problem).__name__} at position "
                f"{position}"
            )
        for constraint in problem.options.get("constraints", ()):
            if type(constraint).__module__.split(".")[0] == "cvxpy":
                raise ParameterError(
                    f"problem {position}: constraints of a batch must be functions of the weights, "
                    "such as lambda w: w[0] <= 0.1, since variables of cvxpy cannot be sent to "
                    "other processes"
                )
        if id(problem.scenarios) not in places:
            try:
                tables.append(Scenarios.of(problem.scenarios))
            except DataError as error:
                raise DataError(f"problem {position}: {error}") from error
            places[id(problem.scenarios)] = len(tables) - 1
        bare = dataclasses.replace(problem, scenarios=np.empty((0, 0)))
        tasks.append(_Task(position, bare, places[id(problem.scenarios)]))
    return tables, tasks


def _chunks(tasks: list[_Task], workers: int) -> list[list[_Task]]:
    """Return runs of tasks, some for each worker."""
    size = max(1, -(-len(tasks) // (CHUNKS_PER_JOB * max(workers, 1))))
    return [tasks[first : first + size] for first in range(0, len(tasks), size)]


def _solve_mapped(tasks: list[_Task], tables: dict[int, tuple[Scenarios, str]]) -> list[Solution]:
    """Solve some problems, with scenarios mapped from files."""
    # copy on write: nothing is written, and the kernels are compiled for arrays that could be
    return _solve_chunk(
        tasks,
        {
            table: dataclasses.replace(
                bare, scenarios_by_asset=np.asarray(np.load(path, mmap_mode="c"))
            )
            for table, (bare, path) in tables.items()
        },
    )


def _solve_chunk(tasks: list[_Task], tables: dict[int, Scenarios]) -> list[Solution]:
    """Solve some problems in this process."""
    with threadpool_limits(1):
        return [_solve_one(task, tables[task.table]) for task in tasks]


def _solve_one(task: _Task, scenarios: Scenarios) -> Solution:
    problem, labels = task.problem, scenarios.labels
    if labels is None and isinstance(problem.expected_return, pd.Series):
        labels = problem.expected_return.index
    if not scenarios.scenarios_by_asset.flags.writeable:
        # as some backends hand arrays over; the kernels are compiled for those that can be written
        scenarios = dataclasses.replace(
            scenarios, scenarios_by_asset=scenarios.scenarios_by_asset.copy()
        )
    try:
        return problem.problem.solve(
            problem.expected_return,
            scenarios,
            problem.previous,
            problem.max_trade,
            **problem.options,
        )
    except (InfeasibleError, NoGain) as error:
        return infeasible_solution(len(scenarios.scenarios_by_asset), labels, str(error))
    except DataError as error:
        raise DataError(f"problem {task.position}: {error}") from error
