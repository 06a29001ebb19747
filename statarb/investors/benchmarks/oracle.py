"""Oracle: an investor that knows what is planted in a control market."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from statarb._core.checks import check_choice, check_integer, check_number
from statarb._core.typing import FloatArray
from statarb.data.panel import Panel
from statarb.errors import ParameterError
from statarb.investors.base import SignalDriven, context_of
from statarb.investors.benchmarks.planted_returns import (
    FAMILIES,
    Seen,
    expected_growth,
    natural_horizon,
    risk_multiple,
)
from statarb.investors.stat_arb.investor import StatArb
from statarb.optimization.rolling import RollingMeanDownsideRisk
from statarb.rules import Context

__all__ = ["Oracle"]


@dataclasses.dataclass(eq=False, repr=False)
class Oracle(SignalDriven):
    r"""True expected returns of a control market, traded by the optimizer of
    :class:`~statarb.investors.StatArb`.

    What could be had, net of fees and limits: it knows relations and parameters, and infers states
    (spreads, drifts, spells) from the rows that it may see. Its objective is that of ``StatArb``
    without a track record, over ``horizon`` rows: the expected return of so many rows, the risk of
    one row times their number, and the cost of one purchase and one sale. Where nothing is planted
    it stays in cash.

    Parameters
    ----------
    planted : sequence of mappings
        ``metadata["planted"]`` of a market made with ``plant``.
    horizon : int, optional
        Rows from the trade on over which it looks; by default the half-life of pairs, or the length
        of a diffusion, drift or spell, the longest where several are planted.
    risk_aversion : float
        Of the optimizer, per unit of squared return.
    max_weight : float
        Cap on an asset; a weight that has grown beyond it is not cut back.
    scenarios : int
        Rows of past returns that are the scenarios.

    Notes
    -----
    Growth of pairs and diffusions is exact, up to quotes that stand still. A drift is estimated by
    the best linear filter of the returns since it was drawn, at the mean volatility; whether the
    market is calm or wild by a Hamilton filter. Drifts change at known dates, so that it knows
    dates.
    """

    planted: Sequence[Mapping[str, Any]]
    horizon: int | None = None
    risk_aversion: float = 3.0
    max_weight: float = 0.15
    scenarios: int = 1008

    min_rows = 2

    @property
    def name(self) -> str:
        """``oracle``, and the parameters that differ from their defaults but what is planted."""
        params = {key: one for key, one in self.changed_params().items() if key != "planted"}
        changed = ", ".join(f"{key}={value:g}" for key, value in params.items())
        return f"oracle({changed})" if changed else "oracle"

    def check(self) -> None:
        """Raise :class:`~statarb.errors.ParameterError` where a parameter is out of range."""
        planted: Any = self.planted
        if isinstance(planted, (str, Mapping)) or not isinstance(planted, Sequence):
            raise ParameterError(
                "planted must be metadata['planted'] of a market made with simulate_market(..., "
                f"plant=...), got {type(planted).__name__}"
            )
        for record in planted:
            check_choice(
                "family of planted (make the market with plant=...)",
                record.get("name") if isinstance(record, Mapping) else record,
                FAMILIES,
            )
        if self.horizon is not None:
            check_integer("horizon", self.horizon, at_least=1)
        check_number("risk_aversion", self.risk_aversion, at_least=0.0)
        check_number("max_weight", self.max_weight, above=0.0, at_most=1.0)
        check_integer("scenarios", self.scenarios, at_least=2)

    def reset(self) -> None:
        """Discard the scenarios and the reasons of a path."""
        self._trader = _Trader(
            volatility=None,
            # the return is that of the whole horizon, at whose end the sale is paid once
            holding=1.0,
            risk_aversion=self.risk_aversion * self._rows_ahead,
            max_weight=self.max_weight,
            scenarios=self.scenarios,
            track_record=0,
        )

    @property
    def reasons(self) -> dict[str, int]:
        """Number of decisions without a trade, by reason."""
        return self._trader.reasons

    @property
    def _rows_ahead(self) -> int:
        if self.horizon is not None:
            return self.horizon
        return max((natural_horizon(record) for record in self.planted), default=1)

    def signals(
        self, panel: Panel, first: int, last: int, depth: int, context: Context | None = None
    ) -> dict[str, FloatArray]:
        """Return expected returns and risk of the rows ``first`` to ``last - 1``; see
        :meth:`SignalDriven.signals`.

        Parameters
        ----------
        panel : Panel
            The market.
        first, last : int
            Rows, as positions in ``panel.times``.
        depth : int
            Most rows of a window.
        context : Context, optional
            It gives the decision lag.

        Returns
        -------
        dict of str to array
            ``expected_return`` (rows, assets), log of the expected growth over ``horizon`` rows
            from the trade on; ``risk`` (rows,), expected variance per mean variance of the
            scenarios.
        """
        lag = context_of(context, panel).decision_lag
        seen = Seen(panel, first, last, depth, lag, self._rows_ahead)
        expected = np.zeros((last - first, len(panel.assets)))
        risk = np.ones(last - first)
        for record in self.planted:
            expected += expected_growth(record, seen)
            if record["name"] == "volatility":
                risk *= risk_multiple(record, seen, self.scenarios)
        return {"expected_return": expected, "risk": risk}

    def decide_on(
        self,
        window: Panel,
        holdings: pd.Series,
        signal: Mapping[str, FloatArray],
        context: Context | None = None,
    ) -> pd.Series | None:
        """Return target weights given the signals of the window's last row; ``None`` where there is
        nothing to trade.

        Parameters
        ----------
        window, holdings, signal : Panel, Series, mapping
            See :meth:`SignalDriven.decide_on`.
        context : Context, optional
            Fee, largest order, value.

        Returns
        -------
        Series or None
            See :meth:`Investor.decide`.
        """
        return self._trader.decide_on(window, holdings, signal, context)


class _Trader(StatArb):
    """``StatArb`` whose risk aversion follows the risk that is expected."""

    def _slide_scenarios(
        self, window: Panel, signal: Mapping[str, FloatArray], context: Context
    ) -> RollingMeanDownsideRisk:
        """Slide the scenarios. Scenarios times a number have its square for a risk, so that it is
        the risk aversion that is multiplied.
        """
        solver = super()._slide_scenarios(window, signal, context)
        solver.problem = solver.problem.replace(
            risk_aversion=self.risk_aversion * float(signal["risk"])
        )
        return solver
