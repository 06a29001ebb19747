"""How sure a ranking is: bootstrap of G and of the ranks, and what a search over many investors
does to the best of them.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import Literal

import numpy as np
import pandas as pd
from arch.bootstrap import MCS, StationaryBootstrap, optimal_block_length
from scipy import stats

from statarb._core.checks import check_choice, check_integer, check_number
from statarb._core.typing import FloatArray
from statarb.errors import DataError, ParameterError

__all__ = [
    "BootstrapScores",
    "block_length",
    "bootstrap_scores",
    "deflated_sharpe_ratio",
    "model_confidence_set",
    "probabilistic_sharpe_ratio",
    "probability_of_backtest_overfitting",
]

EULER = 0.5772156649015329
MOST_SPLITS = 20
"""Blocks of the cross-validation beyond which the number of ways to halve them (184,756 for 20) no
longer fits.
"""


@dataclasses.dataclass(frozen=True, eq=False)
class BootstrapScores:
    """Scores of investors on resampled paths.

    Parameters
    ----------
    G, total_return : (draws, investors) DataFrame
        Scores on each resampled path; all investors live through the same resampled times.
    block : float
        Mean length of the blocks, in steps.
    """

    G: pd.DataFrame
    total_return: pd.DataFrame
    block: float

    def summary(self, confidence: float = 0.95) -> pd.DataFrame:
        """Return intervals of G, of the return and of the rank by G, and the probability of being
        best, one row an investor.

        Parameters
        ----------
        confidence : float
            Probability that an interval is meant to cover; percentile intervals.

        Returns
        -------
        DataFrame
            Columns ``G_low, G_high, return_low, return_high, rank_low, rank_high, p_best``.
            Investors that tie for the best share its probability.
        """
        confidence = check_number("confidence", confidence, above=0.0, below=1.0)
        tails = [(1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0]
        rank = self.G.rank(axis=1, method="min", ascending=False)
        best = self.G.eq(self.G.max(axis=1), axis=0)
        parts = {}
        for name, frame, method in (
            ("G", self.G, "linear"),
            ("return", self.total_return, "linear"),
            ("rank", rank, "nearest"),
        ):
            # nothing lies between a number and infinity
            whole = method == "nearest" or not np.isfinite(frame.to_numpy()).all()
            low, high = np.quantile(
                frame.to_numpy(), tails, axis=0, method="inverted_cdf" if whole else "linear"
            )
            parts[f"{name}_low"], parts[f"{name}_high"] = low, high
        parts["p_best"] = best.div(best.sum(axis=1), axis=0).mean().to_numpy()
        frame = pd.DataFrame(parts, index=self.G.columns)
        return frame.astype({"rank_low": int, "rank_high": int})


def bootstrap_scores(
    returns: pd.DataFrame,
    *,
    draws: int = 1000,
    block: float | None = None,
    seed: int | np.random.Generator = 0,
) -> BootstrapScores:
    """Resample the steps of many value paths together, in blocks, and score each resampled path.

    The stationary bootstrap of Politis and Romano (1994, Journal of the American Statistical
    Association 89, 1303-1313): blocks of geometric length keep the dependence over time, and the
    same blocks for all keep the dependence between investors.

    Parameters
    ----------
    returns : (steps, investors) DataFrame
        Log returns of the value, ln(V(t)/V(t-1)).
    draws : int
        Number of resampled paths.
    block : float, optional
        Mean length of a block, in steps; by default the largest over the investors of the length
        that Politis and White (2004) find best for the mean.
    seed : int or Generator
        Of the resampling.

    Returns
    -------
    BootstrapScores
        Scores by draw and investor.

    Raises
    ------
    DataError
        Fewer than two steps, or a return that is not finite (an insolvent investor has no log
        return).
    """
    values = _checked(returns)
    draws = check_integer("draws", draws, at_least=1)
    block = block_length(returns) if block is None else check_number("block", block, at_least=1.0)
    sampler = StationaryBootstrap(
        max(1, round(block)), np.arange(len(values)), seed=np.random.default_rng(seed)
    )
    downside = np.minimum(values, 0.0) ** 2
    both = np.hstack([values, downside])
    width = values.shape[1]
    sums = np.empty((draws, 2 * width))
    for draw in range(draws):
        counts = np.bincount(sampler.update_indices(), minlength=len(values)).astype(np.float64)
        # what matters of a resampled path is how often each step stands in it
        sums[draw] = counts @ both
    scores, total = _score(sums[:, :width], sums[:, width:], len(values)), np.expm1(sums[:, :width])
    names = returns.columns
    return BootstrapScores(
        pd.DataFrame(scores, columns=names), pd.DataFrame(total, columns=names), float(block)
    )


def block_length(returns: pd.DataFrame) -> float:
    """Mean block length for the stationary bootstrap, in steps: the largest that any of the
    investors asks for, at least 1.

    Politis and White (2004, Econometric Reviews 23, 53-70), with the correction of Patton, Politis
    and White (2009).

    Parameters
    ----------
    returns : (steps, investors) DataFrame
        Log returns of the value.
    """
    values = _checked(returns)
    found = 1.0
    for column in values.T:
        if column.std() > 0.0:
            length = float(optimal_block_length(column)["stationary"].iloc[0])
            found = max(found, length if math.isfinite(length) else 1.0)
    return min(found, float(len(values)))


def probabilistic_sharpe_ratio(returns: FloatArray | pd.Series, benchmark: float = 0.0) -> float:
    """Probability that the true Sharpe ratio exceeds a benchmark, given skewness, kurtosis and
    length of the track record.

    Bailey and López de Prado (2012, Journal of Risk 15(2)):
    ``Phi((SR - SR*) sqrt(n - 1) / sqrt(1 - g3 SR + (g4 - 1)/4 SR^2))``.

    Parameters
    ----------
    returns : (steps,)
        Returns a step; all Sharpe ratios here are a step, not a year.
    benchmark : float
        ``SR*``.

    Returns
    -------
    float
        In [0, 1]; NaN where the returns do not vary.
    """
    values = np.asarray(returns, dtype=np.float64)
    if len(values) < 2 or not values.std() > 0.0:
        return math.nan
    ratio = float(values.mean() / values.std(ddof=1))
    skewness, kurtosis = float(stats.skew(values)), float(stats.kurtosis(values, fisher=False))
    return _psr(ratio, benchmark, len(values), skewness, kurtosis)


def deflated_sharpe_ratio(returns: pd.DataFrame, *, others: int = 0) -> pd.Series:
    """Probabilistic Sharpe ratio against the best Sharpe ratio that as many trials without any
    skill would have shown.

    Bailey and López de Prado (2014, Journal of Portfolio Management 40(5), 94-107): ``SR* = sqrt(V)
    ((1 - e) Z(1 - 1/N) + e Z(1 - 1/(N exp(1))))`` with V the variance of the trials' Sharpe ratios,
    e Euler's constant, Z the normal quantile.

    Parameters
    ----------
    returns : (steps, trials) DataFrame
        Returns a step of every investor that was tried, not of the best alone.
    others : int
        Trials that left no returns here (bankrupt, or tried elsewhere) and count all the same. N is
        their number and that of the columns whose returns vary; trials that resemble each other
        count in full, which errs on the side of caution.

    Returns
    -------
    Series
        By trial; NaN where the returns do not vary (cash).

    Notes
    -----
    V is taken for the luck of the trials. That is right for trials that differ in their parameters;
    where some are ruined by
    fees and others gain for a reason, V is that difference, and the ratio errs far on the side of
    caution.
    """
    values = _checked(returns)
    spread = values.std(axis=0, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(spread > 0.0, values.mean(axis=0) / spread, np.nan)
    tried = ratios[~np.isnan(ratios)]
    count = len(tried) + check_integer("others", others, at_least=0)
    threshold = expected_best_sharpe(float(np.var(tried, ddof=1)), count) if len(tried) > 1 else 0.0
    found = [probabilistic_sharpe_ratio(column, threshold) for column in values.T]
    return pd.Series(found, index=returns.columns, name="deflated_sharpe")


def expected_best_sharpe(variance: float, trials: int) -> float:
    """Expected largest Sharpe ratio of independent trials without skill (Bailey and López de Prado
    2014, equation 1).
    """
    first = stats.norm.ppf(1.0 - 1.0 / trials)
    second = stats.norm.ppf(1.0 - 1.0 / (trials * math.e))
    return float(math.sqrt(variance) * ((1.0 - EULER) * first + EULER * second))


def probability_of_backtest_overfitting(
    returns: pd.DataFrame, *, splits: int = 16, measure: Literal["sharpe", "G"] = "sharpe"
) -> float:
    """Probability that the investor chosen as the best on one half of the blocks is below the
    median on the other half.

    Combinatorially symmetric cross-validation of Bailey, Borwein, López de Prado and Zhu (2017,
    Journal of Computational Finance 20(4), 39-69).

    Parameters
    ----------
    returns : (steps, trials) DataFrame
        Returns a step of every investor that was tried; log returns where the measure is G.
    splits : int
        Even number of blocks of equal length into which the steps are cut; a rest at the beginning
        is left out.
    measure : {"sharpe", "G"}
        By what the best is chosen and judged: the Sharpe ratio of the article, or G.

    Returns
    -------
    float
        Share of the combinations; NaN for fewer than two trials.

    Raises
    ------
    ParameterError
        ``splits`` odd, below 2, above 20 or above the number of steps, or an unknown measure.
    """
    values = _checked(returns)
    check_choice("measure", measure, ("sharpe", "G"))
    splits = check_integer("splits", splits, at_least=2, at_most=min(MOST_SPLITS, len(values)))
    if splits % 2:
        raise ParameterError(f"splits must be even, got {splits}")
    trials = values.shape[1]
    if trials < 2:
        return math.nan
    length = len(values) // splits
    blocks = values[len(values) - splits * length :].reshape(splits, length, trials)
    squares = blocks if measure == "sharpe" else np.minimum(blocks, 0.0)
    first, second = blocks.sum(axis=1), (squares**2).sum(axis=1)
    chosen = np.array(list(itertools.combinations(range(splits), splits // 2)))
    inside = np.zeros((len(chosen), splits))
    np.put_along_axis(inside, chosen, 1.0, axis=1)
    count = length * (splits // 2)
    score = _sharpe if measure == "sharpe" else _score
    train = score(inside @ first, inside @ second, count)
    test = score((1.0 - inside) @ first, (1.0 - inside) @ second, count)
    best = np.argmax(train, axis=1)
    rank = stats.rankdata(test, axis=1)[np.arange(len(best)), best] / (trials + 1.0)
    return float(np.mean(np.log(rank / (1.0 - rank)) <= 0.0))


def model_confidence_set(
    returns: pd.DataFrame,
    *,
    block: float | None = None,
    draws: int = 1000,
    seed: int | np.random.Generator = 0,
) -> pd.Series:
    """P-values of the model confidence set: the investors that cannot be told from the best have
    one above the size wanted.

    Hansen, Lunde and Nason (2011, Econometrica 79, 453-497), on the losses ``-log return``, through
    arch.

    Parameters
    ----------
    returns : (steps, investors) DataFrame
        Log returns of the value.
    block : float, optional
        Mean length of a block, in steps; see :func:`block_length`.
    draws : int
        Bootstrap draws.
    seed : int or Generator
        Of the bootstrap.

    Returns
    -------
    Series
        P-value by investor; investors with the very same returns get the same one.
    """
    values = _checked(returns)
    distinct, where = np.unique(values, axis=1, return_inverse=True)
    if distinct.shape[1] == 1:
        return pd.Series(1.0, index=returns.columns, name="confidence_set_p")
    length = block_length(returns) if block is None else check_number("block", block, at_least=1.0)
    test = MCS(
        -distinct,
        size=0.1,
        reps=draws,
        block_size=max(1, round(length)),
        seed=np.random.default_rng(seed),
    )
    test.compute()
    found = test.pvalues["Pvalue"].sort_index().to_numpy(dtype=np.float64)
    return pd.Series(found[np.ravel(where)], index=returns.columns, name="confidence_set_p")


def _psr(ratio: float, benchmark: float, steps: int, skewness: float, kurtosis: float) -> float:
    spread = math.sqrt(max(1.0 - skewness * ratio + (kurtosis - 1.0) / 4.0 * ratio**2, 0.0))
    return (
        float(stats.norm.cdf((ratio - benchmark) * math.sqrt(steps - 1.0) / spread))
        if spread > 0.0
        else math.nan
    )


def _sharpe(total: FloatArray, squares: FloatArray, count: int) -> FloatArray:
    """Sharpe ratio a step from sums; 0 where nothing varies (an investor in cash earns nothing for
    nothing).
    """
    mean = total / count
    spread = np.sqrt(np.maximum(squares / count - mean**2, 0.0))
    # what rounding leaves of a spread of zero
    floor = 1e-12 * np.sqrt(np.maximum(squares / count, 0.0))
    found: FloatArray = np.where(spread > floor, mean / np.where(spread > floor, spread, 1.0), 0.0)
    return found


def _score(total: FloatArray, squares: FloatArray, count: int) -> FloatArray:
    """G from the sum of the log returns and of the squared negative ones; 0 where nothing is gained
    and nothing risked.
    """
    gain, below = np.expm1(total), np.sqrt(squares / count)
    with np.errstate(divide="ignore", invalid="ignore"):
        found: FloatArray = np.where(
            below > 0.0, gain / below, np.where(gain == 0.0, 0.0, np.copysign(np.inf, gain))
        )
    return found


def _checked(returns: pd.DataFrame) -> FloatArray:
    if returns.shape[1] == 0:
        raise DataError("returns must have at least one column, one an investor")
    values = returns.to_numpy(dtype=np.float64)
    if len(values) < 2:
        raise DataError(f"returns must have at least two steps, got {len(values)}")
    if not np.isfinite(values).all():
        row, column = (int(place[0]) for place in np.nonzero(~np.isfinite(values)))
        raise DataError(
            f"returns must be finite, got {values[row, column]} at {returns.index[row]} of "
            f"{returns.columns[column]!r}; "
            "leave out investors that went bankrupt"
        )
    return values
