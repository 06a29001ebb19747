"""Learned forecasters on lagged returns: gradient boosting, multi-layer perceptron, support vector
regression.
"""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd

from statarb._core.case import DEPTH
from statarb._core.checks import check_choice, check_integer, check_number
from statarb._core.numeric import varies
from statarb._core.typing import BoolArray, FloatArray, IntArray
from statarb.data.panel import Panel
from statarb.errors import ParameterError
from statarb.forecasting.base import register
from statarb.forecasting.features import ReturnFeatures, quote_gap
from statarb.forecasting.lags import Design, LagForecaster
from statarb.forecasting.linear import ReducedRankRidge

__all__ = ["MLP", "SVR", "GradientBoosting"]

DIGITS = 8
"""Decimals of the features: numbers that differ by the rounding of a sum alone must not lead to
different trees.
"""


class LearnedForecaster(LagForecaster):
    """Base: a model trained on the usable rows of a window, asked for rows after it.

    Assets are trained on in the order of their names: what is drawn at random for an asset does not
    depend on its column.
    """

    seed: int
    refit_every = 288

    def fit(self, window: Panel) -> Self:
        """Train on the window.

        Parameters
        ----------
        window : Panel
            What the forecaster may learn from.

        Returns
        -------
        object
            The forecaster itself.

        Raises
        ------
        DataError
            Fewer rows than :attr:`min_rows`.
        """
        self._require_rows(len(window.times))
        order = _by_name(window.assets)
        design = self._design(window).in_order(order)
        rows = self._training(design, 0, len(design.target) - 1)
        self.assets_ = window.assets
        self.model_, failed = self._train(design, rows)
        self.failed_ = np.empty_like(failed)
        self.failed_[order] = failed
        return self

    def predict(self, window: Panel) -> pd.Series:
        """Return expected log returns over the horizon, from the last quoted price of each
        asset.

        Parameters
        ----------
        window : Panel
            Ends where the forecast may look; it may end later than the one of ``fit``.

        Returns
        -------
        Series
            Expected log return by asset over the horizon; NaN for an asset without a quote in the
            window.
        """
        self._require_fitted(window)
        self._require_rows(len(window.times))
        order = _by_name(window.assets)
        tail = self._tail(window).in_order(order)
        gap = quote_gap(window, self.field)[-1:, order]
        last = np.array([len(tail.target) - 1])
        answer = np.empty(len(order))
        answer[order] = self._returns(self.model_, self.failed_[order], tail, last, gap)[0]
        return self._series(window, answer)

    def forecast_block(
        self, panel: Panel, rows: IntArray, fits: IntArray, depth: int
    ) -> tuple[FloatArray, BoolArray]:
        """Forecast a stretch of rows at once; see
        :class:`~statarb.forecasting.base.BlockForecaster`.

        Parameters
        ----------
        panel, rows, fits, depth
            As for :meth:`statarb.forecasting.base.BlockForecaster.forecast_block`.

        Returns
        -------
        forecasts, failed : (steps, assets)
            As there.
        """
        self._require_rows(min(depth, int(fits[0]) + 1))
        order = _by_name(panel.assets)
        design = self._design(panel, depth).in_order(order)
        forecasts = np.empty((len(rows), len(panel.assets)))
        failures = np.zeros(forecasts.shape, dtype=np.bool_)
        for fit in np.unique(fits):
            steps = np.flatnonzero(fits == fit)
            model, failed = self._train(
                design, self._training(design, max(int(fit) - depth + 1, 0), int(fit))
            )
            asked = rows[steps]
            forecasts[np.ix_(steps, order)] = self._returns(
                model, failed, design, asked, design.gap[asked]
            )
            failures[np.ix_(steps, order)] = failed
        return forecasts, failures

    def _training(self, design: Design, first: int, last: int) -> IntArray:
        """Rows to train on, in the window from row ``first`` to row ``last``."""
        low, high = first + design.first, last + 1 - self.horizon
        return (low + np.flatnonzero(design.usable[low:high])).astype(np.int64)

    def _returns(
        self, model: Any, failed: BoolArray, design: Design, rows: IntArray, gap: FloatArray
    ) -> FloatArray:
        answer = self._apply(model, design, rows) * design.scale[rows] + gap
        return np.where(failed & ~np.isnan(gap), 0.0, answer)

    def _train(self, design: Design, rows: IntArray) -> tuple[Any, BoolArray]:
        """Return the model, and the assets for which there is none."""
        raise NotImplementedError

    def _apply(self, model: Any, design: Design, rows: IntArray) -> FloatArray:
        """Return scaled forecasts, (rows, assets)."""
        raise NotImplementedError


def moves_of_quotes(design: Design, rows: IntArray, horizon: int) -> FloatArray:
    """Sign of each quote's next move, (rows, assets): unrounded return plus the change of its
    distance from the quote.
    """
    gap = np.nan_to_num(design.gap)
    ahead = np.minimum(rows + horizon, len(gap) - 1)
    change = design.target[rows] * design.scale[rows] + gap[rows] - gap[ahead]
    return np.sign(np.where(np.abs(change) > 1e-9, change, 0.0))


def _by_name(assets: pd.Index) -> IntArray:
    """Columns in the order of the assets' names; numbers by size."""
    names = assets.to_numpy()
    if not np.issubdtype(names.dtype, np.number):
        names = names.astype(str)
    return np.argsort(names, kind="stable").astype(np.int64)


@register("boosting")
class GradientBoosting(LearnedForecaster):
    """Gradient-boosted trees, one model for all assets.

    Each pair of row and asset is an observation: the asset's own lags, the market's lags and
    dispersion, lag 1 of all leaders, the distance of the unrounded price from the quote, the
    asset's place in the panel, and the forecast of a :class:`ReducedRankRidge`, to which the trees
    add what is not linear. In training that forecast is cross-fitted over five stretches of
    the window, so that no observation is forecast from its own target.

    Parameters
    ----------
    target : {"return", "direction"}
        What is learnt: the scaled return, or whether the quote rises or falls (rows in which it
        does not change are left out; the forecast is then the expected sign times the usual size of
        a move).
    rounds : int
        Trees.
    learning_rate, leaves, min_leaf, subsample : float, int, int, float
        Shrinkage, largest number of leaves of a tree, smallest number of observations in a leaf,
        share of features tried.
    engine : {"sklearn", "lightgbm"}
        Library; ``lightgbm`` needs the extra ``boost``.
    max_samples : int
        Largest number of observations; more are thinned at random (``seed``).
    seed : int
        Of all that is drawn.
    lags, horizon, scale_rows, clip, leaders, field, fields, scale_field, skip_stale
        As for :class:`CrossAssetRidge`.

    Notes
    -----
    J. H. Friedman (2001), Annals of Statistics 29, 1189-1232.
    """

    _own_lags_of = "all"

    def __init__(
        self,
        target: str = "return",
        rounds: int = 100,
        learning_rate: float = 0.05,
        leaves: int = 15,
        min_leaf: int = 200,
        subsample: float = 0.5,
        engine: str = "sklearn",
        max_samples: int = 60_000,
        seed: int = 0,
        lags: int = 2,
        horizon: int = 1,
        scale_rows: int | None = 72,
        clip: float | None = 3.0,
        leaders: Sequence[Hashable] | None = None,
        field: str = "unrounded",
        fields: Sequence[str] = (),
        scale_field: str | None = None,
        skip_stale: bool = True,
    ) -> None:
        features = (
            lags,
            horizon,
            scale_rows,
            clip,
            leaders,
            field,
            fields,
            scale_field,
            skip_stale,
        )
        super().__init__(ReturnFeatures(*features))
        self.target = check_choice("target", target, ("return", "direction"))
        self.rounds = check_integer("rounds", rounds, at_least=1)
        self.learning_rate = check_number("learning_rate", learning_rate, above=0.0, at_most=1.0)
        self.leaves = check_integer("leaves", leaves, at_least=2)
        self.min_leaf = check_integer("min_leaf", min_leaf, at_least=1)
        self.subsample = check_number("subsample", subsample, above=0.0, at_most=1.0)
        self.engine = check_choice("engine", engine, ("sklearn", "lightgbm"))
        self.max_samples = check_integer("max_samples", max_samples, at_least=1)
        self.seed = check_integer("seed", seed, at_least=0)

    def _linear(self) -> ReducedRankRidge:
        return ReducedRankRidge(lags=self.lags, fields=self.fields)

    def _train(self, design: Design, rows: IntArray) -> tuple[Any, BoolArray]:
        assets = design.target.shape[1]
        linear = self._linear()
        inside = np.empty((len(rows), assets))
        for part in np.array_split(np.arange(len(rows)), 5):
            others = np.delete(rows, part)
            inside[part] = linear.scaled_forecasts(
                design, rows[part], *linear.coefficients_of(design, others)
            )
        weights = linear.coefficients_of(design, rows)
        features = self._features(design, rows, inside)
        target = design.target[rows].ravel()
        kept = np.arange(len(target))
        if self.target == "direction":
            target = moves_of_quotes(design, rows, self.horizon).ravel()
            kept = np.flatnonzero(target != 0.0)
        if len(kept) > self.max_samples:
            kept = np.sort(
                np.random.default_rng(self.seed).choice(kept, self.max_samples, replace=False)
            )
        failed = np.zeros(assets, dtype=np.bool_)
        target = target[kept]
        if self.target == "direction":
            target = (target > 0.0).astype(np.float64)
        if len(kept) == 0 or not varies(target):
            # One class, or one value, alone: nothing to learn, the forecast is the last value.
            return (None, weights), np.ones(assets, dtype=np.bool_)
        return (self._boosted(features[kept], target), weights), failed

    def _boosted(self, features: FloatArray, target: FloatArray) -> Any:
        if self.engine == "lightgbm":
            return _lightgbm(self, features, target)
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        kind = (
            HistGradientBoostingClassifier
            if self.target == "direction"
            else HistGradientBoostingRegressor
        )
        model = kind(
            max_iter=self.rounds,
            learning_rate=self.learning_rate,
            max_leaf_nodes=self.leaves,
            min_samples_leaf=self.min_leaf,
            max_features=self.subsample,
            l2_regularization=10.0,
            early_stopping=False,
            random_state=self.seed,
        )
        return model.fit(features, target)

    def _apply(self, model: Any, design: Design, rows: IntArray) -> FloatArray:
        trees, weights = model
        assets = design.target.shape[1]
        if trees is None:
            return np.zeros((len(rows), assets))
        features = self._features(
            design, rows, self._linear().scaled_forecasts(design, rows, *weights)
        )
        if self.target == "direction":
            rise = (
                trees.predict_proba(features)[:, 1]
                if hasattr(trees, "predict_proba")
                else trees.predict(features)
            )
            answer: FloatArray = (2.0 * np.asarray(rise) - 1.0).reshape(len(rows), assets)
            return answer
        return np.asarray(trees.predict(features), dtype=np.float64).reshape(len(rows), assets)

    def _returns(
        self, model: Any, failed: BoolArray, design: Design, rows: IntArray, gap: FloatArray
    ) -> FloatArray:
        if self.target == "direction":
            # A direction is one of the quote: it does not start from the unrounded price.
            gap = np.where(np.isnan(gap), np.nan, 0.0)
        return super()._returns(model, failed, design, rows, gap)

    def _features(self, design: Design, rows: IntArray, linear: FloatArray) -> FloatArray:
        """Observations x features; observations go row by row, asset by asset."""
        assets = design.target.shape[1]
        own = design.own[rows].reshape(len(rows), self.lags, assets)
        scale = design.scale[rows]
        gap = np.nan_to_num(design.gap[rows]) / np.where(scale > 0.0, scale, 1.0)
        gap = np.clip(np.where(scale > 0.0, gap, 0.0), -9.0, 9.0)
        leaders = design.shared.shape[1] // (self.lags + len(self.fields))
        common = [
            own.mean(axis=2),
            own[:, 0].std(axis=1, keepdims=True),
            linear.mean(axis=1, keepdims=True),
        ]
        common.append(design.shared[rows][:, :leaders])
        common.append(design.shared[rows][:, self.lags * leaders :])
        shared = np.repeat(np.hstack(common), assets, axis=0)
        single = [own[:, lag].ravel() for lag in range(self.lags)]
        single += [
            gap.ravel(),
            linear.ravel(),
            (linear + gap).ravel(),
            np.tile(np.arange(assets, dtype=np.float64), len(rows)),
        ]
        features: FloatArray = np.round(np.hstack([np.column_stack(single), shared]), DIGITS)
        return features


def _lightgbm(settings: GradientBoosting, features: FloatArray, target: FloatArray) -> Any:
    try:
        import lightgbm
    except ImportError as error:
        raise ParameterError(
            "engine='lightgbm' needs the package lightgbm: pip install 'statarb[boost]'"
        ) from error
    options = {
        "objective": "binary" if settings.target == "direction" else "regression",
        "learning_rate": settings.learning_rate,
        "num_leaves": settings.leaves,
        "min_data_in_leaf": settings.min_leaf,
        "feature_fraction": settings.subsample,
        "bagging_fraction": 0.5,
        "bagging_freq": 1,
        "lambda_l2": 10.0,
        "seed": settings.seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    }
    return lightgbm.train(options, lightgbm.Dataset(features, label=target), settings.rounds)


@register("mlp")
class MLP(LearnedForecaster):
    """Multi-layer perceptron: the lags of all leaders in, the next return of every asset out; the
    mean over a few seeds.

    Parameters
    ----------
    hidden : tuple of int
        Units of the hidden layers.
    alpha : float
        Penalty on squared weights.
    epochs : int
        Passes over the training rows.
    members : int
        Networks, which differ by their seed alone.
    seed : int
        Seed of the first network.
    lags, horizon, scale_rows, clip, leaders, field, fields, scale_field, skip_stale
        As for :class:`CrossAssetRidge`.

    Notes
    -----
    Trained by Adam (D. P. Kingma, J. Ba, 2015) for a fixed number of passes. A network whose loss
    is not finite has not converged; where all have failed the forecast is the last value, and is
    counted as such.
    """

    def __init__(
        self,
        hidden: tuple[int, ...] = (16,),
        alpha: float = 3.0,
        epochs: int = 40,
        members: int = 4,
        seed: int = 0,
        lags: int = 2,
        horizon: int = 1,
        scale_rows: int | None = 72,
        clip: float | None = 3.0,
        leaders: Sequence[Hashable] | None = None,
        field: str = "unrounded",
        fields: Sequence[str] = (),
        scale_field: str | None = None,
        skip_stale: bool = True,
    ) -> None:
        features = (
            lags,
            horizon,
            scale_rows,
            clip,
            leaders,
            field,
            fields,
            scale_field,
            skip_stale,
        )
        super().__init__(ReturnFeatures(*features))
        self.hidden = tuple(check_integer("hidden", units, at_least=1) for units in hidden)
        self.alpha = check_number("alpha", alpha, at_least=0.0)
        self.epochs = check_integer("epochs", epochs, at_least=1)
        self.members = check_integer("members", members, at_least=1)
        self.seed = check_integer("seed", seed, at_least=0)

    def _train(self, design: Design, rows: IntArray) -> tuple[Any, BoolArray]:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.neural_network import MLPRegressor

        features, target = (
            np.round(design.shared[rows], DIGITS),
            np.round(design.target[rows], DIGITS),
        )
        networks = []
        for member in range(self.members):
            network = MLPRegressor(
                hidden_layer_sizes=self.hidden,
                activation="tanh",
                alpha=self.alpha,
                max_iter=self.epochs,
                n_iter_no_change=self.epochs,
                tol=0.0,
                batch_size=min(64, len(rows)),
                random_state=self.seed + member,
            )
            with warnings.catch_warnings():
                # The number of passes is a choice, not a failure to converge.
                warnings.simplefilter("ignore", ConvergenceWarning)
                network.fit(features, target if target.shape[1] > 1 else target.ravel())
            if np.isfinite(network.loss_):
                networks.append(network)
        return networks, np.full(target.shape[1], not networks)

    def _apply(self, model: Any, design: Design, rows: IntArray) -> FloatArray:
        asked = np.round(design.shared[rows], DIGITS)
        total = np.zeros((len(rows), design.target.shape[1]))
        for network in model:
            total += network.predict(asked).reshape(total.shape)
        return total / max(len(model), 1)


@register("svr")
class SVR(LearnedForecaster):
    """Support vector regression of every asset on the lags of all leaders.

    Parameters
    ----------
    cost : float
        Cost of a deviation (C).
    tube : float
        Deviations smaller than this, in scaled returns, cost nothing (epsilon).
    width : float or None
        Width gamma of the Gaussian kernel; ``None`` uses the linear kernel.
    max_rows : int
        Newest training rows that are used: the time taken grows with their square.
    lags, horizon, scale_rows, clip, leaders, field, fields, scale_field, skip_stale
        As for :class:`CrossAssetRidge`.

    Notes
    -----
    H. Drucker et al. (1997), Advances in Neural Information Processing Systems 9, 155-161. An asset
    whose optimisation stops at its iteration limit has not converged: its forecast is the last
    value, and is counted as such.
    """

    def __init__(
        self,
        cost: float = 0.05,
        tube: float = 0.3,
        width: float | None = 0.01,
        max_rows: int = DEPTH,
        lags: int = 2,
        horizon: int = 1,
        scale_rows: int | None = 72,
        clip: float | None = 3.0,
        leaders: Sequence[Hashable] | None = None,
        field: str = "unrounded",
        fields: Sequence[str] = (),
        scale_field: str | None = None,
        skip_stale: bool = True,
    ) -> None:
        features = (
            lags,
            horizon,
            scale_rows,
            clip,
            leaders,
            field,
            fields,
            scale_field,
            skip_stale,
        )
        super().__init__(ReturnFeatures(*features))
        self.cost = check_number("cost", cost, above=0.0)
        self.tube = check_number("tube", tube, at_least=0.0)
        self.width = None if width is None else check_number("width", width, above=0.0)
        self.max_rows = check_integer("max_rows", max_rows, at_least=2)

    def _train(self, design: Design, rows: IntArray) -> tuple[Any, BoolArray]:
        from sklearn import svm
        from sklearn.exceptions import ConvergenceWarning

        rows = rows[-self.max_rows :]
        features, target = (
            np.round(design.shared[rows], DIGITS),
            np.round(design.target[rows], DIGITS),
        )
        failed = np.zeros(target.shape[1], dtype=np.bool_)
        machines = []
        for asset in range(target.shape[1]):
            kernel = (
                {"kernel": "linear"}
                if self.width is None
                else {"kernel": "rbf", "gamma": self.width}
            )
            machine = svm.SVR(C=self.cost, epsilon=self.tube, max_iter=200 * len(rows), **kernel)
            with warnings.catch_warnings():
                # fit_status_ says the same, and is counted.
                warnings.simplefilter("ignore", ConvergenceWarning)
                machine.fit(features, target[:, asset])
            failed[asset] = machine.fit_status_ != 0
            machines.append(machine)
        return machines, failed

    def _apply(self, model: Any, design: Design, rows: IntArray) -> FloatArray:
        asked = np.round(design.shared[rows], DIGITS)
        # Without support vectors (an asset that never leaves the tube) the answer is the constant,
        # or nothing at all.
        answers = [
            machine.predict(asked) if len(machine.support_) else np.zeros(len(rows))
            for machine in model
        ]
        return np.column_stack(answers)
