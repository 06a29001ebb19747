"""Inference for rankings: bootstrap of G and of ranks, and corrections for many trials."""

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
from statarb._core.numeric import FLOOR, ranks, varies
from statarb._core.tables import read_table
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
LEAST_BLOCKS = 3
"""Blocks that a path must have room for on average: with one, every draw is the path itself."""
LEAST_STEPS = 16
"""Steps from which a block length can be estimated."""
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
        Scores on each resampled path; the same resampled times for all investors.
    estimate : (investors,) Series
        G on the path itself.
    block : float
        Mean length of the blocks, in steps.
    """

    G: pd.DataFrame
    total_return: pd.DataFrame
    estimate: pd.Series
    block: float

    def summary(self, confidence: float = 0.95) -> pd.DataFrame:
        r"""Return intervals of G, of the return and of the rank by G, and the probability of being
        best, by investor.

        Parameters
        ----------
        confidence : float
            Probability that an interval is meant to cover. Those of G and of the return are
            percentile intervals. That of the rank is a confidence interval for the rank of the true
            G, among ties the best of theirs: see Notes.

        Returns
        -------
        DataFrame
            Columns ``G_low, G_high, return_low, return_high, rank_low, rank_high, p_best``.
            Investors that tie for the best share its probability.

        Notes
        -----
        The percentile bootstrap of ranks does not cover under ties and near ties (Hall and Miller
        2009, Annals of Statistics 37, 3929-3959; Xie, Singh and Zhang 2009, Journal of the American
        Statistical Association 104, 775-788). The interval of investor j is that of Mogstad,
        Romano, Shaikh and Wilhelm (2024, Review of Economic Studies 91, 476-518), marginal form:
        with simultaneous two-sided intervals for the differences of j to all others,

        .. math:: |G_j - G_k| > c\, s_{jk}, \quad
                  c = q_{1-a}\left(\max_k |D^*_{jk} - D_{jk}| / s_{jk}\right),

        its rank lies between 1 plus the number of those above it beyond doubt, and the number of
        all less those below it beyond doubt. D is a difference of G, D* its bootstrap draws, s
        their standard deviation. G is scaled by the hyperbolic arc sine first, which leaves ranks
        as they are and tames its heavy tails.
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
            np.arcsinh(self.estimate.to_numpy()), np.arcsinh(self.G.to_numpy()), confidence
        )
        parts["p_best"] = best.div(best.sum(axis=1), axis=0).mean().to_numpy()
        frame = pd.DataFrame(parts, index=self.G.columns)
        return frame.astype({"rank_low": int, "rank_high": int})


def _rank_intervals(
    estimate: FloatArray, draws: FloatArray, confidence: float
) -> tuple[FloatArray, FloatArray]:
    """Confidence intervals of ranks (1 is the largest) from estimates, (investors,), and their
    bootstrap draws, (draws, investors).
    """
    count = len(estimate)
    low, high = np.ones(count), np.full(count, float(count))
    for j in range(count):
        with np.errstate(invalid="ignore"):
            difference = estimate[j] - estimate
            drawn = draws[:, [j]] - draws
        # infinite scores on both sides do not differ
        difference = np.where(np.isnan(difference), 0.0, difference)
        drawn = np.where(np.isnan(drawn), 0.0, drawn)
        with np.errstate(invalid="ignore"):
            spread = drawn.std(axis=0, ddof=1) if len(drawn) > 1 else np.full(count, np.nan)
        usable = np.isfinite(spread) & (spread > 0.0) & np.isfinite(difference)
        sure = ~usable & np.isfinite(drawn).all(axis=0) & (spread == 0.0) & (difference != 0.0)
        critical = 0.0
        if usable.any():
            off = np.abs(drawn[:, usable] - difference[usable]) / spread[usable]
            critical = float(np.quantile(off.max(axis=1), confidence, method="higher"))
        beyond = sure | (usable & (np.abs(difference) > critical * np.where(usable, spread, 0.0)))
        low[j] += np.count_nonzero(beyond & (difference < 0.0))
        high[j] -= np.count_nonzero(beyond & (difference > 0.0))
    return low, high


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
        Mean length of a block, in steps, at most a third of them; by default see
        :func:`block_length`.
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
    ParameterError
        A block so long that there is nothing to resample.
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
        # a resampled path matters only by how often it holds each step
        sums[draw] = counts @ both
    scores, total = _score(sums[:, :width], sums[:, width:], len(values)), np.expm1(sums[:, :width])
    own = _score(values.sum(axis=0), downside.sum(axis=0), len(values))
    return BootstrapScores(
        pd.DataFrame(scores, columns=names),
        pd.DataFrame(total, columns=names),
        pd.Series(own, index=names, name="G"),
        float(block),
    )


def block_length(returns: pd.DataFrame) -> float:
    """Mean block length for the stationary bootstrap, in steps: the largest that any of the
    investors needs, at least 1 and at most a third of the steps; 1 below 16 steps.

    Politis and White (2004, Econometric Reviews 23, 53-70), with the correction of Patton, Politis
    and White (2009).

    Parameters
    ----------
    returns : (steps, investors) DataFrame
        Log returns of the value.

    Returns
    -------
    float
        In steps.

    Raises
    ------
    DataError
        Fewer than two steps, or a return that is not finite.
    """
    return _block_length(_checked(returns)[0])


def _block_length(values: FloatArray) -> float:
    longest = max(1.0, len(values) / LEAST_BLOCKS)
    found = 1.0
    # the estimate needs some autocorrelations: below that, steps are resampled one by one
    if len(values) < LEAST_STEPS:
        return found
    for column, moves in zip(values.T, varies(values, scale=1.0), strict=True):
        if moves:
            length = float(optimal_block_length(column)["stationary"].iloc[0])
            found = max(found, length if math.isfinite(length) else 1.0)
    return min(found, longest)


def _block(values: FloatArray, block: float | None) -> float:
    """Return the mean length of a block: the one given, where it leaves something to resample."""
    if block is None:
        return _block_length(values)
    longest = max(1.0, len(values) / LEAST_BLOCKS)
    if check_number("block", block, at_least=1.0) > longest:
        raise ParameterError(
            f"block must be at most {longest:g}, a third of the {len(values)} steps, or hardly "
            f"anything is resampled; got {block:g}"
        )
    return float(block)


def probabilistic_sharpe_ratio(returns: FloatArray | pd.Series, benchmark: float = 0.0) -> float:
    r"""Probability that the true Sharpe ratio exceeds a benchmark, given skewness, kurtosis and
    length of the track record.

    Bailey and López de Prado (2012, Journal of Risk 15(2)):

    .. math:: \Phi\left(\frac{(SR - SR^*) \sqrt{n - 1}}
              {\sqrt{1 - g_3 SR + (g_4 - 1) SR^2 / 4}}\right)

    Parameters
    ----------
    returns : (steps,)
        Returns per step; all Sharpe ratios here are per step, not per year.
    benchmark : float
        ``SR*``.

    Returns
    -------
    float
        In [0, 1]; NaN where the returns do not vary.
    """
    values = np.asarray(returns, dtype=np.float64)
    if len(values) < 2 or not varies(values, scale=1.0):
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
        Returns per step of every investor that was tried, not of the best alone.
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
    V is taken for the luck of the trials, and is at least ``1 / (n - 1)``, the variance of the
    Sharpe ratio of n returns without skill (Lo 2002, Financial Analysts Journal 58(4), 36-52): a
    single survivor, or trials that resemble each other, are deflated for all that were tried. That
    is right for trials that differ in their parameters; where some are ruined by fees and others
    gain for a reason, V is that difference, and the ratio errs far on the side of caution.
    """
    values, names = _checked(returns)
    moves = varies(values, scale=1.0)
    spread = np.where(moves, values.std(axis=0, ddof=1), 1.0)
    tried = (values.mean(axis=0) / spread)[moves]
    count = len(tried) + check_integer("others", others, at_least=0)
    # what a few trials happen to show may be far below the variance of a ratio without skill
    by_chance = 1.0 / (len(values) - 1)
    variance = max(float(np.var(tried, ddof=1)), by_chance) if len(tried) > 1 else by_chance
    threshold = expected_best_sharpe(variance, count) if count > 1 else 0.0
    found = [probabilistic_sharpe_ratio(column, threshold) for column in values.T]
    return pd.Series(found, index=names, name="deflated_sharpe")


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
        Returns per step of every investor that was tried; log returns where the measure is G.
    splits : int
        Even number of blocks of equal length into which the steps are cut; a rest at the beginning
        is left out.
    measure : {"sharpe", "G"}
        By what the best is chosen and judged: the Sharpe ratio of the article, or G.

    Returns
    -------
    float
        Share of the combinations, in which a rank at the median counts half; investors that tie for
        the best are chosen with equal probability, and share their rank. On pure noise it is 0.5 on
        average, for every number of trials. NaN for fewer than two trials, and where the measure of
        the best is undefined in every combination (no variation at all, an infinite G because
        nothing is ever lost, as with cash that earns interest): combinations without a number for
        the best are left out.

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
    # An infinite score is no measure of skill: where it is the best, nothing is chosen by it.
    top = train.max(axis=1)
    defined = np.isfinite(top)
    if measure == "sharpe":
        # of a constant; beside trials that vary it is 0, what cash earns for nothing
        defined &= bool(varies(values, scale=1.0).any())
    if not defined.any():
        return math.nan
    train, test, top = train[defined], test[defined], top[defined]
    best = np.abs(train - top[:, None]) <= FLOOR * np.abs(top)[:, None]
    rounded = np.array([ranks(row, best="smallest", method="average") for row in test])
    share = rounded / (trials + 1.0)
    below = np.where(np.abs(share - 0.5) <= FLOOR, 0.5, (share < 0.5).astype(np.float64))
    return float(np.mean((below * best).sum(axis=1) / best.sum(axis=1)))


def model_confidence_set(
    returns: pd.DataFrame,
    *,
    block: float | None = None,
    draws: int = 1000,
    seed: int | np.random.Generator = 0,
) -> pd.Series:
    """P-values of the model confidence set: the investors that cannot be told from the best have
    one above the size of the test.

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

    Notes
    -----
    On few steps the test leaves out too many: of 20 investors that are all alike, at least one has
    a p-value below 0.1 in 17 % of samples of 60 steps, and in 10 % of samples of 600 steps (60
    samples each, returns independent over time); with 2,000 draws in place of 500
    it is 15 % for 60 steps.
    """
    values, names = _checked(returns)
    distinct, where = np.unique(values, axis=1, return_inverse=True)
    if distinct.shape[1] == 1:
        return pd.Series(1.0, index=names, name="confidence_set_p")
    length = _block(values, block)
    test = MCS(
        -distinct,
        size=0.1,
        reps=draws,
        block_size=max(1, round(length)),
        seed=np.random.default_rng(seed),
    )
    test.compute()
    found = test.pvalues["Pvalue"].sort_index().to_numpy(dtype=np.float64)
    return pd.Series(found[np.ravel(where)], index=names, name="confidence_set_p")


def _psr(ratio: float, benchmark: float, steps: int, skewness: float, kurtosis: float) -> float:
    spread = math.sqrt(max(1.0 - skewness * ratio + (kurtosis - 1.0) / 4.0 * ratio**2, 0.0))
    return (
        float(stats.norm.cdf((ratio - benchmark) * math.sqrt(steps - 1.0) / spread))
        if spread > 0.0
        else math.nan
    )


def _sharpe(total: FloatArray, squares: FloatArray, count: int) -> FloatArray:
    """Sharpe ratio per step from sums; 0 where nothing varies (an investor in cash earns nothing
    for nothing).
    """
    mean = total / count
    spread = np.sqrt(np.maximum(squares / count - mean**2, 0.0))
    # A difference of squares keeps half the digits: what rounding leaves of a spread of zero.
    floor = math.sqrt(FLOOR) * np.sqrt(np.maximum(squares / count, 0.0))
    moves = spread > floor
    found: FloatArray = np.where(moves, mean / np.where(moves, spread, 1.0), 0.0)
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
    """Return finite returns, (steps, investors), and the names of the investors."""
    table = read_table("returns", returns, infinite=True, cash=True)
    values = table.values
    if len(values) < 2:
        raise DataError(f"returns must have at least two steps, got {len(values)}")
    if not np.isfinite(values).all():
        row, column = (int(place[0]) for place in np.nonzero(~np.isfinite(values)))
        raise DataError(
            f"returns must be finite, got {values[row, column]} {table.place(row, column)}; "
            "leave out investors that went bankrupt"
        )
    return values, table.labels
