"""Lead-lag investor: forecasts from the lags of all assets, traded with a no-trade band."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from statarb._core.checks import check_number
from statarb._core.typing import FloatArray
from statarb.data.panel import Panel
from statarb.errors import ParameterError
from statarb.forecasting.linear import CrossAssetRidge
from statarb.investors.base import SignalDriven, context_of, register, weights_of
from statarb.investors.stat_arb.forecasts import forecasts_from
from statarb.rules import Context

__all__ = ["EXIT_SHARE", "LeadLag", "band_weights"]

EXIT_SHARE = 0.6
"""Exit band as a share of the fee: an asset that is held has its purchase behind it."""


@register("lead_lag")
@dataclasses.dataclass(eq=False, repr=False)
class LeadLag(SignalDriven):
    """One-step forecasts with a no-trade band.

    An asset is bought up to ``cap`` where its expected log return is above ``entry``, the largest
    first, as far as the cash goes; it is sold where the expectation is below ``-exit``; between the
    two it is kept as it is. With a linear cost the best policy has such a band (Davis, Norman 1990,
    Mathematics of Operations Research 15, 676-713); a band of about one fee is what the
    measurements on the case's data favour.

    Parameters
    ----------
    entry : float, optional
        Expected log return above which an asset is bought; by default the fee of the rules.
    exit : float, optional
        Expected loss (log return, positive) beyond which an asset is sold; by default 0.6 times the
        fee of the rules.
    cap : float
        Largest weight that a purchase aims at; a weight that has grown beyond it is not cut back.
    forecaster : Forecaster, optional
        By default the ridge regression on the lags 1 and 2 of all assets, unrounded prices.

    Attributes
    ----------
    reasons : dict of str to int
        Number of decisions without a trade, by reason.

    Notes
    -----
    The forecast is of the step after the last row. At decision lag 1 that step is over when the
    trade is made: what is left of the gain then is what the market pays for it.
    """

    entry: float | None = None
    exit: float | None = None
    cap: float = 0.1
    forecaster: Any = None

    def check(self) -> None:
        """Raise :class:`~statarb.errors.ParameterError` where a parameter is out of range."""
        for name, value in (("entry", self.entry), ("exit", self.exit)):
            if value is not None:
                check_number(name, value, at_least=0.0)
        check_number("cap", self.cap, above=0.0, at_most=1.0)
        if self.forecaster is not None and not (
            hasattr(self.forecaster, "fit") and hasattr(self.forecaster, "predict")
        ):
            raise ParameterError(
                f"forecaster must have fit(window) and predict(window), got {self.forecaster!r}"
            )

    def reset(self) -> None:
        """Discard the reasons counted along a path."""
        self.reasons: dict[str, int] = {}

    @property
    def min_rows(self) -> int:
        """Rows that a window must have before there is a forecast."""
        return int(getattr(self._model, "min_rows", 1))

    @property
    def _model(self) -> Any:
        return CrossAssetRidge() if self.forecaster is None else self.forecaster

    def signals(self, panel: Panel, first: int, last: int, depth: int) -> dict[str, FloatArray]:
        """Return the forecasts from the rows ``first`` to ``last - 1``; see
        :meth:`SignalDriven.signals`.

        Parameters
        ----------
        panel : Panel
            The market.
        first, last : int
            Rows, as positions in ``panel.times``.
        depth : int
            Most rows of a window.

        Returns
        -------
        dict of str to array
            ``expected_return``, (rows, assets), in log return; NaN where there is no forecast.
        """
        return {"expected_return": forecasts_from(self._model, panel, first, last, depth)}

    def decide_on(
        self,
        window: Panel,
        holdings: pd.Series,
        signal: Mapping[str, FloatArray],
        context: Context | None = None,
    ) -> pd.Series | None:
        """Return target weights given the forecasts of the window's last row; ``None`` where there
        is nothing to trade.

        Parameters
        ----------
        window, holdings, signal : Panel, Series, mapping
            See :meth:`SignalDriven.decide_on`.
        context : Context, optional
            Its rules give the fee.

        Returns
        -------
        Series or None
            See :meth:`Investor.decide`.
        """
        held = holdings.to_numpy(dtype=np.float64)
        expected, fee = signal["expected_return"], context_of(context, window).rules.fee
        entry = fee if self.entry is None else self.entry
        exit_band = EXIT_SHARE * fee if self.exit is None else self.exit
        target = band_weights(held, expected, entry, exit_band, self.cap, fee)
        if target is None:
            if np.isnan(expected).all():
                reason = "no forecast"
            else:
                reason = "no expected gain above the entry band and no loss beyond the exit band"
            self.reasons[reason] = self.reasons.get(reason, 0) + 1
            return None
        return weights_of(window, target)


def band_weights(
    held: FloatArray,
    expected: FloatArray,
    entry: float,
    exit_band: float,
    cap: float,
    fee: float,
) -> FloatArray | None:
    """Move weights by a no-trade band.

    Parameters
    ----------
    held : (assets,)
        Held weights; the rest is cash.
    expected : (assets,)
        Expected log returns; NaN keeps an asset as it is.
    entry, exit_band : float
        Expected return above which an asset is bought, and expected loss beyond which it is sold.
    cap : float
        Largest weight that a purchase aims at.
    fee : float
        Share of turnover, for which purchases leave room.

    Returns
    -------
    (assets,) or None
        Target weights; ``None`` where they are the held ones.
    """
    target = held.copy()
    sold = (held > 0.0) & (expected < -exit_band)
    target[sold] = 0.0
    cash = max(0.0, 1.0 - float(held.sum())) + (1.0 - fee) * float(held[sold].sum())
    risers = np.flatnonzero((expected > entry) & (held < cap))
    for asset in risers[np.argsort(-expected[risers], kind="stable")]:
        spend = min(cap - held[asset], cash / (1.0 + fee))
        if spend <= 0.0:
            break
        target[asset] = held[asset] + spend
        cash -= spend * (1.0 + fee)
    return None if np.array_equal(target, held) else target
