"""MLP: a small neural network on each asset's own last returns."""

from __future__ import annotations

import dataclasses
import warnings
from typing import ClassVar

import numpy as np
from joblib import Parallel, delayed

from statarb._core.checks import check_integer, check_number
from statarb._core.typing import BoolArray, FloatArray
from statarb.data.imputation.base import Imputer
from statarb.data.imputation.returns import MIN_RETURNS, fill_by_steps, standardised_returns

__all__ = ["MLP"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class MLP(Imputer):
    """Univariate multi-layer perceptron on an asset's last returns.

    ``E[r(t)] = b + v' tanh(W (r(t-1), ..., r(t-lags)) + a)``: one hidden layer (Rumelhart, Hinton &
    Williams 1986, Nature 323; as an imputation: Junninen et al. 2004, Atmospheric Environment 38),
    fitted by scikit-learn (L-BFGS, weight decay) on standardised log returns over stretches without
    a gap. Returns inside gaps enter as straight lines. The path over a gap is tied to both its
    ends. Looks ahead on a whole panel.

    Parameters
    ----------
    max_gap, fill_start, n_jobs
        As in :class:`Imputer`.
    lags : int
        Number of lagged returns.
    hidden : int
        Neurons of the hidden layer.
    decay : float
        Weight decay (scikit-learn's ``alpha``).
    max_iter : int
        Largest number of L-BFGS steps; stopping early does no harm.
    max_rows : int
        The fit uses at most this many rows, the latest.
    seed : int
        Of the initial weights, the same for every asset, so that the order of the assets does not
        matter.
    """

    name: ClassVar[str] = "mlp"
    whole_sample: ClassVar[bool] = True

    lags: int = 5
    hidden: int = 8
    decay: float = 1.0
    max_iter: int = 100
    max_rows: int = 20_000
    seed: int = 0

    def __post_init__(self) -> None:
        """Check every setting once."""
        super().__post_init__()
        for setting in ("lags", "hidden", "max_iter", "max_rows"):
            check_integer(setting, getattr(self, setting), at_least=1)
        check_number("decay", self.decay, at_least=0.0)
        check_integer("seed", self.seed, at_least=0)

    def fill(self, prices: FloatArray, elapsed: FloatArray) -> list[int]:
        """Fill the gaps in place; see :meth:`Imputer.fill`."""
        logs = np.log(prices)
        returns = standardised_returns(logs, elapsed)
        seen = ~np.isnan(logs)
        wanted = ~seen & np.logical_or.accumulate(seen, axis=0)
        wanted[1:] |= seen[1:] & ~seen[:-1]
        columns = np.flatnonzero(wanted.any(axis=0))
        done = Parallel(n_jobs=self.n_jobs)(
            delayed(_expected)(
                returns.scaled[:, column], returns.genuine[:, column], wanted[:, column], self
            )
            for column in columns
        )
        steps = np.zeros_like(logs)
        simple = []
        for column, expected in zip(columns, done, strict=True):
            if len(expected) == 0 or returns.scale[column] <= 0:
                simple.append(int(column))
                continue
            step = expected * returns.scale[column]
            limit = returns.largest[column]
            steps[wanted[:, column], column] = returns.mean[column] + np.clip(step, -limit, limit)
        fill_by_steps(prices, logs, steps, elapsed, tie=True)
        return simple


def _expected(
    scaled: FloatArray, genuine: BoolArray, wanted: BoolArray, settings: MLP
) -> FloatArray:
    """Return the network's expected standardised returns where wanted; empty where there is too
    little to fit it on.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor

    lags = settings.lags
    if len(scaled) < MIN_RETURNS + lags:
        return np.empty(0)
    padded = np.concatenate([np.zeros(lags), scaled])
    features = np.lib.stride_tricks.sliding_window_view(padded, lags)[:-1, ::-1]
    whole = np.lib.stride_tricks.sliding_window_view(genuine, lags + 1).all(axis=1)
    rows = (np.flatnonzero(whole) + lags)[-settings.max_rows :]
    if len(rows) < MIN_RETURNS + lags or not scaled[rows].std() > 0:
        return np.empty(0)
    model = MLPRegressor(
        hidden_layer_sizes=(settings.hidden,),
        activation="tanh",
        solver="lbfgs",
        alpha=settings.decay,
        max_iter=settings.max_iter,
        random_state=settings.seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(features[rows], scaled[rows])
    expected: FloatArray = model.predict(features[wanted])
    return expected
