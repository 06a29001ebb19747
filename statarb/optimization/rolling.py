"""RollingMeanDownsideRisk: the same problem over a sliding window, each solve started from the
last.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping

import numpy as np
import pandas as pd

from statarb._core.checks import check_integer
from statarb._core.tables import read_table, shown
from statarb._core.time import as_times
from statarb._core.typing import BoolArray, FloatArray
from statarb.errors import DataError, ParameterError
from statarb.optimization._engine.fast_solver import FastSolver
from statarb.optimization.inputs import (
    ByAsset,
    Scenarios,
    Vector,
    by_asset,
)
from statarb.optimization.mean_downside_risk import MeanDownsideRisk
from statarb.optimization.orders import limit_orders, without_small_orders
from statarb.optimization.program import Program
from statarb.optimization.solution import Solution
from statarb.optimization.solve import fast_solver, solve_fast

__all__ = ["RollingMeanDownsideRisk"]


class RollingMeanDownsideRisk:
    """A :class:`MeanDownsideRisk` problem over a sliding window of scenarios, solved warm.

    Every answer is that of a solver that starts cold on the same window, to within the certificate;
    only the time differs. Working set, curvature and the reference of pricing are carried from bar
    to bar, so most bars need a handful of products of vectors and no pass over the whole window.

    Parameters
    ----------
    problem : MeanDownsideRisk
        What is solved; ``measure`` must be ``"downside"``.
    scenarios : (T, N) DataFrame or array
        The first window, oldest row first (rows with times are put in order): simple returns, or
        standardised residuals where ``sigma`` is given with every update. NaN as the problem's
        ``missing`` says, except that ``"error"`` refuses an asset only while it is missing.
    window : int, optional
        Number of rows kept; by default as many as ``scenarios`` has. While there are fewer the
        window grows.
    verify : bool
        Compute every certificate anew from the window alone. By default the utility form passes on
        the bound of the solver's pricing, which spares a pass over the window; the other forms are
        always verified.

    Raises
    ------
    DataError
        Scenarios that are no table of at least two rows of finite numbers, doubled times.
    ParameterError
        Another measure.

    Notes
    -----
    A row given to :meth:`update` counts as known when the decision is made. Memory: the window in
    float64 and in float32.
    """

    def __init__(
        self,
        problem: MeanDownsideRisk,
        scenarios: pd.DataFrame | FloatArray,
        window: int | None = None,
        *,
        verify: bool = False,
    ) -> None:
        if problem.measure != "downside":
            raise ParameterError(
                f"measure must be 'downside' for a rolling problem, got {problem.measure!r}; use "
                "solve() for it"
            )
        self.problem, self.verify = problem, verify
        table = read_table("scenarios", scenarios)
        self.labels = table.labels if table.kind == "frame" else None
        rows = table.values if table.kind in ("frame", "matrix") else table.values[:, 0]
        if rows.ndim != 2 or rows.shape[1] == 0 or len(rows) < 2:
            raise DataError(
                "scenarios must be a table of at least two rows, scenarios x assets, got the "
                f"shape {rows.shape}"
            )
        self._newest = None if table.stamps is None else table.stamps[-1]
        self.window = len(rows) if window is None else check_integer("window", window, at_least=2)
        rows = rows[-self.window :]
        self.assets = rows.shape[1]
        self._decay = 1.0 if problem.half_life is None else 0.5 ** (1.0 / problem.half_life)
        self._missing: BoolArray = np.zeros((self.window, self.assets), np.bool_)
        self._missing[: len(rows)] = np.isnan(rows)
        self._missing_counts = self._missing.sum(axis=0)
        scenarios_by_asset = np.zeros((self.assets, self.window))
        scenarios_by_asset[:, : len(rows)] = np.where(np.isnan(rows), 0.0, rows).T
        weights = np.zeros(self.window)
        weights[: len(rows)] = self._decay ** np.arange(len(rows) - 1, -1, -1)
        template = problem.replace(missing="sell").assemble(
            Scenarios(scenarios_by_asset, self._missing_counts, self.labels),
            weights, np.zeros(self.assets), None, None, volatility=None,
        )  # fmt: skip
        self._fast: FastSolver = fast_solver(template, single=True)
        self._next = len(rows) % self.window
        self._rows = len(rows)
        self._slides = 0
        self._last: FloatArray | None = None
        self._last_risk_aversion: float | None = None

    @property
    def scenarios(self) -> pd.DataFrame | FloatArray:
        """The scenarios in the window, oldest row first; a copy."""
        order = (
            (self._next + np.arange(self.window)) % self.window
            if self._rows == self.window
            else np.arange(self._rows)
        )
        rows = np.where(self._missing[order], np.nan, self._fast.scenarios_by_asset[:, order].T)
        return rows if self.labels is None else pd.DataFrame(rows, columns=self.labels)

    def update(
        self,
        new_row: Vector | pd.DataFrame,
        expected_return: Vector,
        previous: Vector | None = None,
        sigma: Vector | None = None,
        *,
        max_trade: ByAsset | None = None,
        value: float | None = None,
        numeraire_price: float | None = None,
    ) -> Solution:
        """Append a new row (or several), drop the oldest, and solve.

        Parameters
        ----------
        new_row : (N,) Series or array, or (rows, N) DataFrame or array
            Newest scenario, oldest first where there are several; NaN where an asset has none.
            Times, where given, must be later than those in the window.
        expected_return, previous, max_trade, value, numeraire_price
            As in :meth:`MeanDownsideRisk.solve`.
        sigma : (N,), optional
            Forecast volatility, which multiplies every row of the window.

        Returns
        -------
        Solution
        """
        began = time.perf_counter()
        self.slide(new_row)
        solution = self.solve(
            expected_return,
            previous,
            sigma,
            max_trade=max_trade,
            value=value,
            numeraire_price=numeraire_price,
        )
        return dataclasses.replace(solution, seconds=time.perf_counter() - began)

    def slide(self, new_row: Vector | pd.DataFrame) -> None:
        """Append a new row, or several, and drop the oldest, without solving.

        Parameters
        ----------
        new_row : (N,) Series or array, or (rows, N) DataFrame or array
            As in :meth:`update`.

        Raises
        ------
        DataError
            Assets that do not match, infinite numbers, times that are doubled or not later than the
            window's.
        """
        stamps = None
        if not isinstance(new_row, pd.DataFrame) and (
            isinstance(new_row, (pd.Series, Mapping)) or np.ndim(new_row) == 1
        ):
            rows = by_asset("new_row", new_row, self.labels, self.assets, missing=True)[None]
            if isinstance(new_row, pd.Series) and isinstance(new_row.name, pd.Timestamp):
                stamps, _ = as_times("new_row", pd.DatetimeIndex([new_row.name]))
        else:
            table = read_table("new_row", new_row)
            rows, stamps = table.values, table.stamps
            if self.labels is not None and table.kind == "frame":
                place = table.labels.get_indexer(self.labels)
                if (place < 0).any():
                    raise DataError(
                        f"new_row has no column {shown(self.labels[place < 0][0])}; it must have "
                        "those of the first window"
                    )
                rows = rows[:, place]
        if rows.shape[1] != self.assets:
            raise DataError(
                f"new_row must have one number for each of the {self.assets} assets, got the shape "
                f"{rows.shape}"
            )
        if stamps is not None and len(stamps):
            if self._newest is not None and stamps[0] <= self._newest:
                raise DataError(
                    f"new_row has the time {stamps[0]} UTC, which is not later than the newest row "
                    f"of the window, {self._newest} UTC; give each row once, in order of time"
                )
            self._newest = stamps[-1]
        for row in rows:
            self._slide_row(row)

    def solve(
        self,
        expected_return: Vector,
        previous: Vector | None = None,
        sigma: Vector | None = None,
        *,
        max_trade: ByAsset | None = None,
        value: float | None = None,
        numeraire_price: float | None = None,
    ) -> Solution:
        """Solve for the present window.

        Parameters
        ----------
        expected_return, previous, sigma, max_trade, value, numeraire_price
            As in :meth:`update`.

        Returns
        -------
        Solution
        """
        began = time.perf_counter()
        problem, fast = self.problem, self._fast
        weights = fast.scenario_weights
        program: Program = problem.assemble(
            Scenarios(fast.scenarios_by_asset[:, : self.window], self._missing_counts, self.labels),
            weights / weights.sum(),
            expected_return,
            previous,
            max_trade,
            volatility=sigma,
        )
        smallest = 0.0
        if problem.rules is not None:
            program, smallest = limit_orders(program, problem.rules, value, numeraire_price)
        program.require_feasible()
        # with a fee, what is held is the best place to start from; without one, the last solution
        start = self._last if problem.fee == 0.0 or problem.objective != "utility" else None
        solution = solve_fast(
            program, fast, start=start, risk_aversion=self._last_risk_aversion, verify=self.verify
        )
        self._remember(solution)
        if smallest > 0.0:
            solution = without_small_orders(program, fast, solution, smallest)
        return dataclasses.replace(solution, seconds=time.perf_counter() - began)

    def _slide_row(self, row: FloatArray) -> None:
        slot = self._next
        gone = np.isnan(row)
        self._missing_counts += gone.astype(np.int64) - self._missing[slot]
        self._missing[slot] = gone
        weights = self._fast.scenario_weights
        newest = weights[(slot - 1) % self.window] / self._decay
        if newest > 1e100:
            self._fast.rescale(1.0 / newest)
            newest = 1.0
        self._fast.slide(slot, np.where(gone, 0.0, row), newest)
        self._next = (slot + 1) % self.window
        self._rows = min(self._rows + 1, self.window)
        self._slides += 1
        if self._slides % self.window == 0:
            self._fast.forget()

    def _remember(self, solution: Solution) -> None:
        """Keep weights and lambda as the start of the next solve."""
        weights = solution.array
        good = bool(np.isfinite(weights).all())
        self._last = weights if good else None
        lam = solution.risk_aversion
        self._last_risk_aversion = lam if good and np.isfinite(lam) and lam > 0.0 else None
