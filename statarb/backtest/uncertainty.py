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
from arch.bootstrap import StationaryBootstrap, optimal_block_length
from scipy import stats

from statarb._core.checks import check_choice, check_integer, check_number
from statarb._core.numeric import FLOOR, varies
from statarb._core.tables import read_table
from statarb._core.typing import FloatArray, IntArray
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
FEW_TRIALS = 10
"""Trials below which the variance of their Sharpe ratios is no estimate of luck."""
STEPS_FOR_BLOCKS = 20
"""Steps below which a block length cannot be estimated, and a confidence set is refused."""


@dataclasses.dataclass(frozen=True, eq=False)
class BootstrapScores:
    """Scores of investors on resampled paths.

    Parameters
    ----------
    G, total_return : (draws, investors) DataFrame
        Scores on each resampled path; all investors live through the same resampled times.
    block : float
        Mean length of the blocks, in steps.
    estimate : (investors,) Series
        G on the path itself.
    """

    G: pd.DataFrame
    total_return: pd.DataFrame
    block: float
    estimate: pd.Series

    def summary(self, confidence: float = 0.95) -> pd.DataFrame:
        r"""Return intervals of G, of the return and of the rank by G, and the probability of being
        best, one row an investor.

        Parameters
        ----------
        confidence : float
            Probability that an interval is meant to cover.

        Returns
        -------
        DataFrame
            Columns ``G_low, G_high, return_low, return_high, rank_low, rank_high, p_best``.
            Intervals of G and of the return are percentiles of the draws. Investors that tie for
            the best share its probability.

        Notes
        -----
        Percentiles of bootstrapped ranks do not cover the true rank where investors are equal or
        nearly so. The interval of a rank rests on confidence intervals for the differences of one
        investor to all others that hold together (Mogstad, Romano, Shaikh and Wilhelm 2024, Review
        of Economic Studies 91, 476-518): for investor j, with the differences studentised by their
        bootstrap deviation and c the quantile of

        .. math:: \max_k |D^*_{jk} - D_{jk}| / s_{jk},

        the rank is at least 1 plus the number of k with :math:`D_{jk} < -c s_{jk}`, and at most the
        number of investors less the number with :math:`D_{jk} > c s_{jk}`. Differences are those of
        an increasing and bounded function of G, which leaves ranks as they are and infinite values
        of G in play.
        """
        confidence = check_number("confidence", confidence, above=0.0, below=1.0)
        tails = [(1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0]
        best = self.G.eq(self.G.max(axis=1), axis=0)
        parts = {}
        for name, frame in (("G", self.G), ("return", self.total_return)):
            # nothing lies between a number and infinity
            whole = not np.isfinite(frame.to_numpy()).all()
            low, high = np.quantile(
                frame.to_numpy(), tails, axis=0, method="inverted_cdf" if whole else "linear"
            )
            parts[f"{name}_low"], parts[f"{name}_high"] = low, high
        parts["rank_low"], parts["rank_high"] = _rank_intervals(
            self.G.to_numpy(), self.estimate.to_numpy(), confidence
        )
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
    values, names = _checked(returns)
    draws = check_integer("draws", draws, at_least=1)
    block = _block(values, block)
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
    estimate = _score(values.sum(axis=0), downside.sum(axis=0), len(values))
    return BootstrapScores(
        pd.DataFrame(scores, columns=names),
        pd.DataFrame(total, columns=names),
        float(block),
        pd.Series(estimate, index=names),
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

    Returns
    -------
    float
        1 for fewer than 20 steps, which tell nothing about dependence.
    """
    return _estimated_block(_checked(returns)[0])


def _block(values: FloatArray, block: float | None) -> float:
    """Return a block length that was given, or else the estimated one."""
    if block is None:
        return _estimated_block(values)
    return check_number("block", block, at_least=1.0, at_most=float(len(values)))


def _estimated_block(values: FloatArray) -> float:
    found = 1.0
    if len(values) < STEPS_FOR_BLOCKS:
        return found
    for column in values[:, varies(values, scale=1.0)].T:
        length = float(optimal_block_length(column)["stationary"].iloc[0])
        found = max(found, length if math.isfinite(length) else 1.0)
    return min(found, float(len(values)))


def probabilistic_sharpe_ratio(returns: FloatArray | pd.Series, benchmark: float = 0.0) -> float:
    r"""Probability that the true Sharpe ratio exceeds a benchmark, given skewness, kurtosis and
    length of the track record.

    Bailey and López de Prado (2012, Journal of Risk 15(2)):

    .. math:: \Phi\left(\frac{(SR - SR^*) \sqrt{n - 1}}
        {\sqrt{1 - g_3 SR + (g_4 - 1) SR^2 / 4}}\right)

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
    values = read_table("returns", returns).values[:, 0]
    if len(values) < 2 or not varies(values, scale=1.0):
        return math.nan
    ratio = float(values.mean() / values.std(ddof=1))
    skewness, kurtosis = float(stats.skew(values)), float(stats.kurtosis(values, fisher=False))
    return _psr(ratio, benchmark, len(values), skewness, kurtosis)


def deflated_sharpe_ratio(returns: pd.DataFrame, *, others: int = 0) -> pd.Series:
    r"""Probabilistic Sharpe ratio against the best Sharpe ratio that as many trials without any
    skill would have shown.

    Bailey and López de Prado (2014, Journal of Portfolio Management 40(5), 94-107):

    .. math:: SR^* = \sqrt{V} \left((1 - e) Z(1 - 1/N) + e Z(1 - 1/(N \exp 1))\right)

    with V the variance of the trials' Sharpe ratios, e Euler's constant, Z the normal quantile.

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
    The variance of the Sharpe ratios of fewer than ten trials is no estimate of what luck does to
    them: V is then at least 1 / (n - 1), the variance that the Sharpe ratio of n returns without
    skill has (Lo 2002, Financial Analysts Journal 58(4), 36-52).

    V is taken for the luck of the trials. That is right for trials that differ in their parameters;
    where some are ruined by fees and others gain for a reason, V is that difference, and the ratio
    errs far on the side of caution.
    """
    values, names = _checked(returns)
    moving = varies(values, scale=1.0)
    tried = values[:, moving].mean(axis=0) / values[:, moving].std(axis=0, ddof=1)
    count = len(tried) + check_integer("others", others, at_least=0)
    luck = 1.0 / (len(values) - 1)
    variance = float(np.var(tried, ddof=1)) if len(tried) > 1 else luck
    if len(tried) < FEW_TRIALS:
        variance = max(variance, luck)
    threshold = expected_best_sharpe(variance, count) if count > 1 else 0.0
    found = [probabilistic_sharpe_ratio(column, threshold) for column in values.T]
    return pd.Series(found, index=names, name="deflated_sharpe")


def expected_best_sharpe(variance: float, trials: int) -> float:
    """Expected largest Sharpe ratio of independent trials without skill (Bailey and López de Prado
    2014, equation 1).

    Parameters
    ----------
    variance : float
        Of the trials' Sharpe ratios.
    trials : int
        At least 2.

    Returns
    -------
    float
    """
    first = stats.norm.ppf(1.0 - 1.0 / trials)
    second = stats.norm.ppf(1.0 - 1.0 / (trials * math.e))
    return float(math.sqrt(variance) * ((1.0 - EULER) * first + EULER * second))


def probability_of_backtest_overfitting(
    returns: pd.DataFrame, *, splits: int = 16, measure: Literal["sharpe", "G"] = "sharpe"
) -> float:
    """Probability that the investor chosen as the best on one half of the blocks is below the
    median on the other half; at the median counts half.

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
        Share of the combinations: 0.5 for trials without skill, however many, and for copies of
        one. NaN for fewer than two trials, and where the measure of one is undefined: a Sharpe
        ratio of returns that do not vary and are not 0, a G of a path that gains and never loses
        (cash that earns interest).

    Raises
    ------
    ParameterError
        ``splits`` odd, below 2, above 20 or above the number of steps, or an unknown measure.
    """
    values, _ = _checked(returns)
    check_choice("measure", measure, ("sharpe", "G"))
    splits = check_integer("splits", splits, at_least=2, at_most=min(MOST_SPLITS, len(values)))
    if splits % 2:
        raise ParameterError(f"splits must be even, got {splits}")
    trials = values.shape[1]
    if trials < 2 or _undefined(values, measure):
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
    rank = stats.rankdata(test, axis=1)[np.arange(len(best)), best]
    middle = 0.5 * (trials + 1.0)
    return float(np.mean((rank < middle) + 0.5 * (rank == middle)))


def _undefined(values: FloatArray, measure: str) -> bool:
    """Whether some trial has no such measure, in whichever half of the steps."""
    if measure == "G":
        never_lost = (values >= 0.0).all(axis=0)
        return bool((never_lost & (values > 0.0).any(axis=0)).any())
    return bool((~varies(values, scale=1.0) & (np.abs(values).max(axis=0) > FLOOR)).any())


def model_confidence_set(
    returns: pd.DataFrame,
    *,
    block: float | None = None,
    draws: int = 1000,
    seed: int | np.random.Generator = 0,
) -> pd.Series:
    r"""P-values of the model confidence set: the investors that cannot be told from the best have
    one above the size wanted.

    Hansen, Lunde and Nason (2011, Econometrica 79, 453-497), with the range statistic on the losses
    ``-log return``, variances from the stationary bootstrap, and a correction for few steps.

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

    Raises
    ------
    DataError
        Fewer than 20 steps.

    Notes
    -----
    The bootstrap holds variances fixed, but they are estimates: from n steps in blocks of mean
    length b, too small on average and with few degrees of freedom, so that the largest statistic of
    many pairs belongs to a variance that is small by chance. The bootstrap variance of a mean is a
    quadratic form of the steps (Politis and Romano 1994) with the weights

    .. math:: w_k = (1 - k/n)(1 - 1/b)^k + (k/n)(1 - 1/b)^{n - k}

    Their discrete Fourier transform, :math:`\lambda_1, \dots, \lambda_{n-1}` without its first
    value, gives its mean c, as a share of the true variance, and its degrees of freedom
    (Satterthwaite 1946, Biometrics Bulletin 2, 110-114) on returns without dependence; m draws in
    place of all make these fewer:

    .. math:: c = \frac{1}{n} \sum_j \lambda_j, \qquad \frac{1}{\nu} =
        \frac{\sum_j \lambda_j^2}{(\sum_j \lambda_j)^2} + \frac{1}{m}

    The largest statistic t is compared with the bootstrap's as :math:`\Phi^{-1}(F_\nu(\sqrt{c}
    \, t))`, F the distribution function of Student's t.

    Measured on equals with independent normal returns, at a size of 10 % (5 %), with the block that
    is estimated: somebody of 10 over 30 steps is left out in 8 % (3 %) of 1000 samples, of 20 over
    250 steps in 12 % (6 %); without the correction in 59 % (53 %) and 21 % (14 %) of 300.
    Where returns depend on each other over time (autocorrelation 0.3), of 10 over 250 or 1000 steps
    in 18 % (28 % and 23 % without).
    """
    values, names = _checked(returns)
    if len(values) < STEPS_FOR_BLOCKS:
        raise DataError(
            f"a confidence set needs at least {STEPS_FOR_BLOCKS} steps, got {len(values)}"
        )
    length = _block(values, block)
    distinct, where = np.unique(values, axis=1, return_inverse=True)
    if distinct.shape[1] == 1:
        return pd.Series(1.0, index=names, name="confidence_set_p")
    sampler = StationaryBootstrap(
        max(1, round(length)), np.arange(len(values)), seed=np.random.default_rng(seed)
    )
    losses = -distinct
    drawn = np.empty((draws, losses.shape[1]))
    for draw in range(draws):
        counts = np.bincount(sampler.update_indices(), minlength=len(losses))
        drawn[draw] = counts.astype(np.float64) @ losses / len(losses)
    average = losses.mean(axis=0)
    found = _confidence_set(average, drawn - average, max(1, round(length)), len(losses))
    return pd.Series(found[np.ravel(where)], index=names, name="confidence_set_p")


def _confidence_set(average: FloatArray, moved: FloatArray, block: int, steps: int) -> FloatArray:
    """Return the p-values of models by their average losses, (models,), and by how far these move
    in each draw, (draws, models); see :func:`model_confidence_set`.
    """
    models = len(average)
    spread = np.empty((models, models))
    for one in range(models):
        spread[one] = np.sqrt(np.mean((moved[:, [one]] - moved) ** 2, axis=0))
    gap = average[:, None] - average
    # a difference that no draw changes is certain, and is none if it is rounding
    uncertain = spread > FLOOR
    certain = np.where(np.abs(gap) > FLOOR, np.copysign(np.inf, gap), 0.0)
    precision = np.where(uncertain, 1.0 / np.where(uncertain, spread, 1.0), 0.0)
    statistic = np.where(uncertain, gap * precision, certain)
    shrunk, freedom = _variance_quality(steps, block, len(moved))
    found, reached, left = np.ones(models), 0.0, np.arange(models)
    while len(left) > 1:
        inside = statistic[np.ix_(left, left)]
        largest = float(inside.max())
        normal = float(stats.norm.isf(stats.t.sf(math.sqrt(shrunk) * largest, freedom)))
        kept = np.ascontiguousarray(moved[:, left])
        simulated = np.zeros(len(moved))
        for one in range(len(left)):
            scaled = (kept[:, [one]] - kept) * precision[left[one], left]
            np.maximum(simulated, scaled.max(axis=1), out=simulated)
        reached = max(reached, float((simulated > normal).mean()))
        worst = int(np.argmax(inside.max(axis=1)))
        found[left[worst]] = reached
        left = np.delete(left, worst)
    return found


def _variance_quality(steps: int, block: int, draws: int) -> tuple[float, float]:
    """Return the expectation of the stationary bootstrap's variance of a mean, as a share of the
    true one, and its degrees of freedom; see :func:`model_confidence_set`.
    """
    lag, stay = np.arange(steps), 1.0 - 1.0 / block
    weight = (1.0 - lag / steps) * stay**lag + (lag / steps) * stay ** (steps - lag)
    # The form is circulant: the transform holds its eigenvalues, the first for the mean, which is
    # taken away.
    size = np.fft.fft(weight).real[1:]
    freedom = 1.0 / (float((size**2).sum() / size.sum() ** 2) + 1.0 / draws)
    return float(size.sum() / steps), freedom


def _rank_intervals(
    draws: FloatArray, estimate: FloatArray, confidence: float
) -> tuple[IntArray, IntArray]:
    """Return the ends of the intervals of the ranks by G; see :meth:`BootstrapScores.summary`."""
    finite = np.abs(estimate[np.isfinite(estimate)])
    # increasing and bounded: ranks stay, and infinity is a number; five times the usual size, so
    # that it is nearly a line where the scores lie
    size = 5.0 * float(np.median(finite[finite > 0.0])) if (finite > 0.0).any() else 1.0
    bounded, centre = np.arctan(draws / size), np.arctan(estimate / size)
    investors = len(estimate)
    low, high = np.ones(investors, dtype=np.int64), np.full(investors, investors, dtype=np.int64)
    for one in range(investors):
        difference = centre[one] - centre
        moved = bounded[:, [one]] - bounded - difference
        spread = np.sqrt(np.mean(moved**2, axis=0))
        uncertain = spread > FLOOR
        if uncertain.any():
            largest = np.abs(moved[:, uncertain] / spread[uncertain]).max(axis=1)
            reach = float(np.quantile(largest, confidence, method="higher")) * spread
        else:
            reach = spread
        # a difference that no draw changes is what it is
        reach = np.where(uncertain, reach, FLOOR)
        low[one] += int((difference < -reach).sum())
        high[one] -= int((difference > reach).sum())
    return low, high


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


def _checked(returns: pd.DataFrame) -> tuple[FloatArray, pd.Index]:
    """Return log returns (steps, investors), in order of time, and the investors' names."""
    table = read_table("returns", returns, infinite=True)
    values = table.values
    if len(values) < 2:
        raise DataError(f"returns must have at least two steps, got {len(values)}")
    if not np.isfinite(values).all():
        row, column = (int(place[0]) for place in np.nonzero(~np.isfinite(values)))
        raise DataError(
            f"returns must be finite, got {values[row, column]} at {table.index[row]} of "
            f"{table.labels[column]!r}; leave out investors that went bankrupt"
        )
    return values, table.labels
