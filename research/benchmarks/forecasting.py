"""Speed of the forecasters: the rolling ridge against refitting, AR and ARIMA against two
libraries, and 1678 assets at once.

Run on one thread, with the extra ``bench`` for the peers:

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 NUMBA_NUM_THREADS=1 python
    research/benchmarks/forecasting.py

Every comparison checks first that both sides give the same numbers.
"""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn.linear_model import Ridge

import statarb as sa
from statarb.forecasting import (
    Arima,
    Autoregression,
    CrossAssetRidge,
    ReducedRankRidge,
    forecast_rows,
)
from statarb.forecasting._engine.rolling import (
    ANCHOR,
    RollingMoments,
    Rows,
    Span,
    rolling_ridge,
)

DEPTH = 2016


def market(assets: int, times: int, seed: int = 0) -> sa.Panel:
    """A market in which one factor reaches the assets with delays of up to a step."""
    rng = np.random.default_rng(seed)
    factor = rng.standard_t(4, times + 1) * 0.003
    delay = rng.uniform(0.0, 0.9, assets)
    returns = (
        factor[1:, None] * (1.0 - delay)
        + factor[:-1, None] * delay
        + rng.standard_t(4, (times, assets)) * 0.002
    )
    index = pd.date_range("2018-01-17", periods=times, freq="5min")
    return sa.Panel.from_frame(
        pd.DataFrame(
            np.exp(returns.cumsum(axis=0)), index=index, columns=range(1442, 1442 + assets)
        )
    )


def median_ms(call: Callable[[], object], repeats: int) -> float:
    """Median CPU time of a call, in ms: other work on the machine does not count."""
    spent = []
    for _ in range(repeats):
        began = time.thread_time()
        call()
        spent.append(1e3 * (time.thread_time() - began))
    return statistics.median(spent)


def ridge() -> None:
    """Rolling ridge, refitted at every step, against scikit-learn's Ridge on the same features."""
    panel = market(20, DEPTH + 2500)
    model = CrossAssetRidge()
    design = model._design(panel)
    rows = design.training_rows
    x, y, own = rows.shared, rows.target, rows.own
    count = DEPTH - design.first - 1
    span = Span(count, design.first, ANCHOR)
    ends = np.arange(DEPTH, DEPTH + 2000)

    def refit(end: int) -> np.ndarray:
        past = slice(end - count, end)
        size = np.sqrt((x[past] ** 2).mean(axis=0))
        fitted = Ridge(alpha=model.alpha * count, fit_intercept=False).fit(x[past] / size, y[past])
        return np.asarray(fitted.coef_ / size)

    def rolled(steps: np.ndarray) -> np.ndarray:
        return rolling_ridge(rows, 0, x[steps], own[steps], steps, span, model.alpha).shared.T

    worst = max(
        np.abs(rolled(ends[: k + 1]) - refit(int(ends[k]))).max() for k in (0, 100, 700, 1999)
    )
    print(f"largest difference of a coefficient: {worst:.1e}")
    assert worst < 1e-8
    ours, theirs = [], []
    for repeat in range(7):
        began = time.thread_time()
        rolled(ends)
        ours.append(1e3 * (time.thread_time() - began) / len(ends))
        theirs.append(median_ms(lambda end=int(ends[repeat]): refit(end), 9))
    a, b = statistics.median(ours), statistics.median(theirs)
    print(
        f"ridge of 20 assets, 40 lags, window {DEPTH}: rolling {1e3 * a:.1f} us a step, "
        f"scikit-learn refit {1e3 * b:.0f} us: x{b / a:.0f}"
    )
    steps = np.arange(DEPTH, DEPTH + 2000)
    for forecaster in (CrossAssetRidge(), ReducedRankRidge()):
        whole = median_ms(
            lambda forecaster=forecaster: forecast_rows(forecaster, panel, steps), 3
        ) / len(steps)
        print(
            f"{type(forecaster).__name__}: whole forecast of 20 assets, features included, "
            f"{1e3 * whole:.0f} us a step"
        )


def econometric() -> None:
    """AR(2) and ARIMA per fit of one series of 2016 returns."""
    from statsmodels.tsa.ar_model import AutoReg
    from statsmodels.tsa.arima.model import ARIMA

    panel = market(1, DEPTH + 1)
    ours = Autoregression(lags=2, clip=None)
    values = ours._returns(panel)[95:, 0]
    ours._fit_returns(values[:, None])
    reference = AutoReg(values, lags=2).fit()
    assert np.abs(ours.coef_[:, 0] - reference.params).max() < 1e-8
    a = median_ms(lambda: ours._fit_returns(values[:, None]), 51)
    b = median_ms(lambda: AutoReg(values, lags=2).fit(), 51)
    print(f"AR(2): {a:.3f} ms, statsmodels AutoReg {b:.3f} ms: x{b / a:.0f}")
    one = Arima(orders=((1, 1),), clip=None)
    one._fit_returns(values[:, None])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        a = median_ms(lambda: one._fit_returns(values[:, None]), 9)
        b = median_ms(lambda: ARIMA(values, order=(1, 0, 1)).fit(), 9)
        print(
            f"ARMA(1,1): {a:.1f} ms (statsmodels underneath), statsmodels with its defaults "
            f"{b:.1f} ms"
        )
        try:
            from statsforecast.arima import arima_string, auto_arima_f  # noqa: F401
            from statsforecast.models import ARIMA as PeerArima
            from statsforecast.models import AutoRegressive
        except ImportError:
            print("statsforecast is not installed (extra 'bench')")
            return
        scaled = (values - values.mean()) / values.std()
        peer = PeerArima(order=(1, 0, 1), include_mean=False).fit(scaled)
        coef = peer.model_["coef"]
        difference = max(abs(coef["ar1"] - one.ar_[0][0]), abs(coef["ma1"] - one.ma_[0][0]))
        c = median_ms(lambda: PeerArima(order=(1, 0, 1), include_mean=False).fit(scaled), 9)
        d = median_ms(lambda: AutoRegressive(lags=2).fit(scaled), 9)
        print(
            f"statsforecast: ARMA(1,1) {c:.1f} ms (coefficients within {difference:.1e} of ours), "
            f"AR(2) {d:.1f} ms"
        )


def universe() -> None:
    """One step of 1678 assets: ridge on the lags of 20 leaders and own lags, moments carried
    along.
    """
    panel = market(1678, DEPTH + 40)
    model = CrossAssetRidge()
    design = model._design(panel)
    parts: Rows = design.training_rows
    span = Span(DEPTH - design.first - 1, design.first, ANCHOR)
    moments = RollingMoments(parts, design.own_lags, span)
    end = DEPTH
    moments.before(end)

    def step() -> None:
        nonlocal end
        end += 1
        moments.before(end)

    update = median_ms(step, 21)
    rows = np.arange(DEPTH + 1, DEPTH + 31)
    asked, asked_own = design.shared[rows], design.own[rows]

    def block(steps: int) -> float:
        began = time.thread_time()
        ends = rows[:steps]
        rolling_ridge(parts, design.own_lags, asked[:steps], asked_own[:steps], ends, span, 0.1)
        return 1e3 * (time.thread_time() - began)

    block(1)
    each = statistics.median((block(30) - block(1)) / 29 for _ in range(5))
    window = panel.window(panel.now, DEPTH)
    tail = median_ms(lambda: model._tail(window), 9)
    print(
        f"1678 assets, one step: moments {update:.1f} ms, moments with solution and forecast "
        f"{each:.1f} ms, "
        f"features of the row {tail:.1f} ms"
    )
    print(f"sum {each + tail:.1f} ms")


if __name__ == "__main__":
    ridge()
    econometric()
    universe()
