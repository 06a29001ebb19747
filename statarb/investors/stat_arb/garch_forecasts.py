"""Forecasters of GARCH-standardised returns."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd

from statarb._core.checks import check_choice
from statarb._core.typing import FloatArray
from statarb.data.panel import Panel
from statarb.errors import ParameterError
from statarb.forecasting.base import BaseForecaster, clone, register
from statarb.forecasting.features import moves
from statarb.forecasting.linear import CrossAssetRidge
from statarb.volatility.estimation import fitted_recursion
from statarb.volatility.filters import filter_rows

__all__ = ["GarchStandardised"]

FIELD = "garch_sigma"


@register("garch_ridge")
class GarchStandardised(BaseForecaster):
    """A forecaster of returns divided by their GARCH volatility.

    Parameters
    ----------
    forecaster : forecaster with a ``scale_field``, optional
        Forecasts from scaled returns; by default :class:`~statarb.forecasting.CrossAssetRidge` with
        its defaults.
    model : {"garch", "gjr"}
        Recursion of the variance.
    distribution : {"normal", "t"}
        Of the shocks, in the likelihood.

    Attributes
    ----------
    parameters_ : Recursion
        ``mu, omega, alpha, gamma, beta`` (assets,) of each asset, in log returns.
    forecaster_ : Forecaster
        The inner one, fitted.

    Notes
    -----
    The model is fitted on the log returns of the window. The volatility at a row is that of the
    next return, as known after the row; it is a further field of the window, which the inner
    forecaster reads. Between fits the parameters stay, and the recursion runs on over the newer
    rows. An asset whose likelihood has no maximum gets exponential weights instead (RiskMetrics),
    as everywhere in :mod:`statarb.volatility`.

    T. Bollerslev (1986), Journal of Econometrics 31, 307-327; L. R. Glosten, R. Jagannathan, D. E.
    Runkle (1993), Journal of Finance 48, 1779-1801.
    """

    refit_every = 96

    def __init__(
        self,
        forecaster: BaseForecaster | None = None,
        model: str = "garch",
        distribution: str = "normal",
    ) -> None:
        self.forecaster = forecaster
        self.model = check_choice("model", model, ("garch", "gjr"))
        self.distribution = check_choice("distribution", distribution, ("normal", "t"))
        self._within()

    @property
    def horizon(self) -> int:
        """Rows ahead, of the inner forecaster."""
        return int(getattr(self._within(), "horizon", 1))

    @property
    def min_rows(self) -> int:
        """Rows that a window must have at least."""
        return self._within().min_rows

    def _within(self) -> BaseForecaster:
        inner = CrossAssetRidge() if self.forecaster is None else self.forecaster
        if "scale_field" not in inner.get_params(deep=False):
            raise ParameterError(
                "forecaster must take a scale_field, the name of the panel's field of "
                f"volatilities, got {inner!r}; "
                "CrossAssetRidge, ReducedRankRidge and the learned forecasters do"
            )
        return clone(inner).set_params(scale_field=FIELD)

    def fit(self, window: Panel) -> Self:
        """Fit the volatilities, and the forecaster on the window that shows them.

        Parameters
        ----------
        window : Panel
            What may be seen.

        Returns
        -------
        GarchStandardised
            Itself.

        Raises
        ------
        DataError
            Fewer rows than :attr:`min_rows`.
        """
        self._require_rows(len(window.times))
        self.assets_ = window.assets
        returns = _returns(window)
        self.parameters_, self._start = fitted_recursion(returns, self.model, self.distribution)
        within: Any = self._within()
        self.forecaster_ = within.fit(self._with_sigma(window, returns))
        self.failed_ = np.broadcast_to(
            getattr(self.forecaster_, "failed_", np.False_), (len(window.assets),)
        )
        return self

    def predict(self, window: Panel) -> pd.Series:
        """Return expected log returns over the horizon, from the last quoted price of each asset.

        Parameters
        ----------
        window : Panel
            What may be seen; of the assets of the fit.

        Returns
        -------
        Series
            By asset; NaN = no forecast.
        """
        self._require_fitted(window)
        answer: pd.Series = self.forecaster_.predict(self._with_sigma(window, _returns(window)))
        return answer

    def _with_sigma(self, window: Panel, returns: FloatArray) -> Panel:
        """Return the window with the volatility of the next return as a field; 0 where an asset has
        none.
        """
        variance, after = self._start.copy(), np.empty_like(returns)
        filter_rows(returns, self.parameters_, variance, after)
        sigma = np.sqrt(np.nan_to_num(after, nan=0.0))
        return window.with_field(
            FIELD, pd.DataFrame(sigma, index=window.times, columns=window.assets)
        )


def _returns(window: Panel) -> FloatArray:
    """Log returns of the unrounded price; 0 where an asset was not quoted."""
    return np.ascontiguousarray(moves(window, scale_rows=None, clip=None).returns)
