"""lead_lag: buy what the lags of all assets say will rise by more than the fee, sell what they say
will fall.
"""

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
from statarb.investors.base import SignalDriven, register, weights_of
from statarb.investors.stat_arb.forecasts import forecasts_from

__all__ = ["LeadLag", "band_weights"]


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
    entry : float
        Expected log return above which an asset is bought.
    exit : float
        Expected loss (log return, positive) beyond which an asset is sold.
    cap : float
        Largest weight that a purchase aims at; what has grown beyond it is not sold for that.
    fee : float
        Share of turnover that purchases leave room for; that of the rules.
    forecaster : Forecaster, optional
        By default the ridge regression on the lags 1 and 2 of all assets, unrounded prices.

    Notes
    -----
    The forecast is of the step after the last row. At decision lag 1 that step is over when the
    trade is made: what is left of
    the gain then is what the market pays for it.
    """

    entry: float = 0.0025
    exit: float = 0.0015
    cap: float = 0.1
    fee: float = 0.0025
    forecaster: Any = None

    def check(self) -> None:
        """Raise :class:`~statarb.errors.ParameterError` where a parameter is out of range."""
        check_number("entry", self.entry, at_least=0.0)
        check_number("exit", self.exit, at_least=0.0)
        check_number("cap", self.cap, above=0.0, at_most=1.0)
        check_number("fee", self.fee, at_least=0.0, below=1.0)
        if self.forecaster is not None and not (
            hasattr(self.forecaster, "fit") and hasattr(self.forecaster, "predict")
        ):
            raise ParameterError(
                f"forecaster must have fit(window) and predict(window), got {self.forecaster!r}"
            )

    def signals(self, panel: Panel, first: int, last: int, depth: int) -> dict[str, FloatArray]:
        """Return the forecasts from the rows ``first`` to ``last - 1``, (rows, assets), NaN where
        there is none.

        See :meth:`SignalDriven.signals`.
        """
        model = CrossAssetRidge() if self.forecaster is None else self.forecaster
        return {"expected_return": forecasts_from(model, panel, first, last, depth)}

    def decide_on(
        self, window: Panel, holdings: pd.Series, signal: Mapping[str, FloatArray]
    ) -> pd.Series | None:
        """Return wanted weights given the forecasts of the window's last row; ``None`` where
        nothing is to be traded.
        """
        held = holdings.to_numpy(dtype=np.float64)
        wanted = band_weights(
            held, signal["expected_return"], self.entry, self.exit, self.cap, self.fee
        )
        return None if wanted is None else weights_of(window, wanted)


def band_weights(
    held: FloatArray, expected: FloatArray, entry: float, exit: float, cap: float, fee: float
) -> FloatArray | None:
    """Move weights by a no-trade band.

    Parameters
    ----------
    held : (assets,)
        Held weights; the rest is cash.
    expected : (assets,)
        Expected log returns; NaN keeps an asset as it is.
    entry, exit, cap, fee : float
        See :class:`LeadLag`.

    Returns
    -------
    (assets,) or None
        Wanted weights; ``None`` where they are the held ones.
    """
    wanted = held.copy()
    sold = (held > 0.0) & (expected < -exit)
    wanted[sold] = 0.0
    cash = max(0.0, 1.0 - float(held.sum())) + (1.0 - fee) * float(held[sold].sum())
    risers = np.flatnonzero((expected > entry) & (held < cap))
    for asset in risers[np.argsort(-expected[risers], kind="stable")]:
        spend = min(cap - held[asset], cash / (1.0 + fee))
        if spend <= 0.0:
            break
        wanted[asset] = held[asset] + spend
        cash -= spend * (1.0 + fee)
    return None if np.array_equal(wanted, held) else wanted
