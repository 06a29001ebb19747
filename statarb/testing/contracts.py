"""check_investor and check_forecaster: what the library, and a user, may rely on."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from statarb._core.case import DEPTH
from statarb._core.checks import check_integer
from statarb._core.typing import TimeLike
from statarb.data.panel import Panel
from statarb.errors import LookAheadError, ParameterError
from statarb.rules import Context, TradingRules
from statarb.testing.causality import (
    CheckReport,
    Frames,
    assert_same,
    judged,
    label,
    pickled,
    random_cuts,
)
from statarb.testing.futures import (
    FUTURES,
    changed_future,
    changed_in_place,
    example_market,
    read_only_copy,
)

__all__ = ["check_forecaster", "check_investor", "fresh"]

AHEAD = 300
"""Rows after a cut that are changed in copies; in place all are, so that a peek at a global finds
them wherever it looks.
"""

BLOCK_AHEAD = 24
"""Rows after the last window that a block of signals covers: a signal that peeks finds something to
see there.
"""

MOVED_DAYS = 364
"""Whole weeks, so that hours and weekdays stay what they were."""

VALUE = 10_000.0
"""Of the portfolio, in USD, as a walk tells an investor."""

Walk = Callable[[Any, Panel, pd.Timestamp, str | None, pd.Timedelta], Frames]


def check_investor(
    investor: Any,
    panel: Panel | None = None,
    *,
    depth: int = DEPTH,
    cuts: int = 4,
    start: TimeLike | None = None,
    seed: int = 0,
    tolerance: float | None = 1e-6,
    knows_dates: bool = False,
) -> CheckReport:
    """Check an investor: ``decide(window, holdings)`` returns target weights, or ``None`` to keep
    what it holds.

    Weights are finite, not negative, sum to at most 1, carry assets of the window and nothing else,
    and go to no asset without a quote in the window unless it is held. The decision at t does not
    change when the future does (see :func:`check_causal`), nor when the very arrays of ``panel``
    are changed in place after t. Inputs are read-only and stay as they are; the same input gives
    the same answer; a pickled copy, a clone and a deep copy answer alike; the order of the assets
    does not matter; and the same quotes with dates 364 days later give the same answer. Where there
    are ``signals`` and ``decide_on``, the decisions made of the signals of a block that goes on
    after t are those of ``decide``, and do not change with the future either.

    What the investor learnt before it came here is out of sight: an asset or a number chosen with
    the whole market at hand looks like any other parameter. Where it is fitted first, let the check
    do the fitting, as in the example.

    Parameters
    ----------
    investor : Investor
        An object with ``name`` and ``decide``. It is cloned, not used itself.
    panel : Panel, optional
        Market to decide on; by default :func:`example_market`.
    depth : int
        Largest number of rows of a window.
    cuts : int
        Number of random times; at each the investor decides at the row before and at the cut.
    start : time, optional
        First time of a cut; by default a third into the rows.
    seed : int
        Of cuts, changes, holdings and the order of assets.
    tolerance : float or None
        Largest change of a weight when assets change places or dates move: sums in another order
        round otherwise. ``None`` leaves the order of assets out, for investors that break ties by
        place.
    knows_dates : bool
        Whether the investor may depend on the date itself, as with a calendar of events.

    Returns
    -------
    CheckReport
        What was run.

    Raises
    ------
    LookAheadError
        A decision changed with the future.
    AssertionError
        Any other promise is broken.
    ParameterError
        A class was given instead of an object.

    Examples
    --------
    An investor that is fitted to a market is checked together with its fitting:

    >>> import statarb as sa
    >>> class Favourite:
    ...     name = "favourite"
    ...     def __init__(self, panel):
    ...         prices = panel.price.ffill()
    ...         # the best one in hindsight
    ...         self.asset = (prices.iloc[-1] / prices.iloc[100]).idxmax()
    ...     def decide(self, window, holdings):
    ...         return {self.asset: 0.5}
    >>> market = sa.testing.example_market()
    >>> rules = sa.TradingRules().without_limits()
    >>> def targets(panel):
    ...     return sa.walk_forward(Favourite(panel), panel, rules, start=market.times[200]).targets
    >>> sa.testing.check_causal(targets, market, lag=1, cuts=2)
    Traceback (most recent call last):
    ...
    statarb.errors.LookAheadError: targets looks ahead: ...
    """
    _require_object(investor, "investor", ("decide",))
    name = getattr(investor, "name", None)
    if not isinstance(name, str) or not name:
        raise AssertionError(f"{type(investor).__name__} must have a name (text), got {name!r}")
    panel = example_market() if panel is None else panel
    rng = np.random.default_rng(seed)
    held = pd.Series(rng.dirichlet(np.ones(len(panel.assets) + 1))[:-1], index=panel.assets)

    def walk(
        subject: Any, market: Panel, cut: pd.Timestamp, change: str | None, moved: pd.Timedelta
    ) -> Frames:
        in_blocks = fresh(subject) if callable(getattr(subject, "signals", None)) else None
        times = [_row_before(panel, cut), cut]
        shown = {}
        for t, share in zip(times, (0.0, 1.0), strict=True):
            window = market.window(t + moved, depth)
            shown[t] = window, _held(held * share, market, window)
        decisions = {t: _decision(subject.decide, *shown[t], name, change) for t in times}
        found = _decided(decisions, panel.assets)
        if in_blocks is not None and callable(getattr(in_blocks, "decide_on", None)):
            signals = _signals(in_blocks, market, [shown[t][0] for t in times], depth, name, change)
            again = {}
            for t, signal in zip(times, signals, strict=True):
                again[t] = _decision(
                    in_blocks.decide_on,
                    *shown[t],
                    f"{name}, given signals of a block",
                    change,
                    signal,
                )
                _assert_same_on_signal(
                    name, t, decisions[t], again[t], 1e-6 if tolerance is None else tolerance
                )
            found.update(
                {
                    f"{key}, from signals": frame
                    for key, frame in _decided(again, panel.assets).items()
                }
            )
        return found

    return _check(name, investor, walk, panel, depth, cuts, start, rng, tolerance, knows_dates)


def check_forecaster(
    forecaster: Any,
    panel: Panel | None = None,
    *,
    depth: int = DEPTH,
    cuts: int = 4,
    start: TimeLike | None = None,
    seed: int = 0,
    tolerance: float | None = 1e-6,
    knows_dates: bool = False,
) -> CheckReport:
    """Check a forecaster: ``fit(window)`` returns itself, ``predict(window)`` an expected log
    return by asset.

    Forecasts carry exactly the assets of the window, and are finite or NaN (no forecast). At each
    random time t the forecaster is fitted on the row before and predicts at t, then is fitted and
    predicts at t; neither answer changes with the future after t. Fitting changes no setting. Where
    there is a ``forecast_block``, its answers are those of fit and predict, and do not change with
    the future either. The rest is as in :func:`check_investor`: inputs read-only, same input same
    answer, pickling (also once fitted), cloning, order of the assets, dates.

    Parameters
    ----------
    forecaster : Forecaster
        An object with ``fit`` and ``predict``. It is cloned, not used itself.
    panel : Panel, optional
        Market to forecast; by default :func:`example_market`.
    depth : int
        Largest number of rows of a window.
    cuts : int
        Number of random times.
    start : time, optional
        First time of a cut; by default a third into the rows.
    seed : int
        Of cuts, changes and the order of assets.
    tolerance : float or None
        Largest change of a forecast, as a share of the largest forecast, when assets change places
        or dates move. ``None`` leaves the order of assets out.
    knows_dates : bool
        Whether the forecaster may depend on the date itself.

    Returns
    -------
    CheckReport
        What was run.

    Raises
    ------
    LookAheadError
        A forecast changed with the future.
    AssertionError
        Any other promise is broken.
    ParameterError
        A class was given instead of an object.
    """
    _require_object(forecaster, "forecaster", ("fit", "predict"))
    name = type(forecaster).__name__
    least = int(getattr(forecaster, "min_rows", 1))
    panel = example_market(max(600, 3 * least)) if panel is None else panel
    if start is None and least < len(panel.times):
        start = panel.times[max(least, len(panel.times) // 3)]

    def walk(
        subject: Any, market: Panel, cut: pd.Timestamp, change: str | None, moved: pd.Timedelta
    ) -> Frames:
        before, now = (
            market.window(_row_before(panel, cut) + moved, depth),
            market.window(cut + moved, depth),
        )
        settings = repr(_settings(subject))
        _fitted(subject, before, name, change)
        held_out = _forecast(subject, now, name, change)
        if change is None:
            restored = _forecast(pickled(subject, name), now, name, change)
            if not held_out.equals(restored):
                raise AssertionError(
                    f"{name}, fitted and pickled, predicts otherwise than before pickling at {cut}"
                )
        _fitted(subject, now, name, change)
        refitted = _forecast(subject, now, name, change)
        if repr(_settings(subject)) != settings:
            raise AssertionError(
                f"fit changes the settings of {name} from {settings} to {_settings(subject)!r}"
            )
        found = {"fitted a row before": held_out, "fitted at t": refitted}
        if callable(getattr(subject, "forecast_block", None)):
            place = int(np.searchsorted(market.times_array, now.times_array[-1]))
            for key, fit in (("fitted a row before", place - 1), ("fitted at t", place)):
                with judged(name, change):
                    block, _ = fresh(subject).forecast_block(
                        market, np.array([place]), np.array([max(fit, 0)]), depth
                    )
                in_block = pd.Series(block[0], index=market.assets)
                _assert_same_in_block(
                    name, cut, found[key], in_block, 1e-6 if tolerance is None else tolerance
                )
                found[f"{key}, in a block"] = in_block
        stamps = pd.DatetimeIndex([cut])
        return {
            key: pd.DataFrame(
                [forecast.reindex(panel.assets).to_numpy()], index=stamps, columns=panel.assets
            )
            for key, forecast in found.items()
        }

    return _check(
        name,
        forecaster,
        walk,
        panel,
        depth,
        cuts,
        start,
        np.random.default_rng(seed),
        tolerance,
        knows_dates,
    )


def fresh(subject: Any) -> Any:
    """Return a copy that has learnt nothing: by its own ``clone``, by its parameters
    (``get_params``), else a deep copy.
    """
    if callable(getattr(subject, "clone", None)):
        return subject.clone()
    if callable(getattr(subject, "get_params", None)):
        return type(subject)(**copy.deepcopy(subject.get_params(deep=False)))
    return copy.deepcopy(subject)


def _check(
    name: str,
    subject: Any,
    walk: Walk,
    panel: Panel,
    depth: int,
    cuts: int,
    start: TimeLike | None,
    rng: np.random.Generator,
    tolerance: float | None,
    knows_dates: bool,
) -> CheckReport:
    """Run one walk on the market as it is, and compare it with the walks of copies on changed
    ones.
    """
    check_integer("cuts", cuts, at_least=1)
    chosen = random_cuts(
        panel, cuts, panel.times[max(1, len(panel.times) // 3)] if start is None else start, rng
    )
    still = pd.Timedelta(0)
    runs, skipped = 1, _held_tables(name, subject, chosen[0], knows_dates)
    first: Frames = {}
    for cut in chosen:
        near = _around(panel, cut, depth)
        original = read_only_copy(near)
        digest = original.digest()
        expected = walk(fresh(subject), original, cut, None, still)
        first = first or expected
        for other, what in (
            (fresh(subject), "a second clone was asked"),
            (copy.deepcopy(subject), "a deep copy was asked"),
            (pickled(subject, name), "a pickled copy was asked"),
        ):
            assert_same(name, expected, walk(other, original, cut, None, still), None, what)
        for how in FUTURES:
            change = f"rows after {cut} {how}"
            got = walk(fresh(subject), changed_future(near, cut, how, seed=rng), cut, change, still)
            assert_same(name, expected, got, cut, f"only rows after {cut} were {how}")
        with changed_in_place(panel, cut, seed=rng) as changed:
            if changed:
                got = walk(
                    fresh(subject), near, cut, f"rows after {cut} multiplied in place", still
                )
                assert_same(
                    name, expected, got, cut, f"only rows after {cut} were multiplied in place"
                )
        if tolerance is not None:
            order = rng.permutation(len(panel.assets))
            shuffled = read_only_copy(near.select(panel.assets[order]))
            _assert_close(
                name,
                expected,
                walk(fresh(subject), shuffled, cut, None, still),
                tolerance,
                "the assets change places",
            )
        if not knows_dates:
            later = pd.Timedelta(days=MOVED_DAYS)
            moved = _moved_walk(
                name, walk, fresh(subject), read_only_copy(near, days=MOVED_DAYS), cut, later
            )
            what = f"the same quotes are dated {MOVED_DAYS} days later (knows_dates=True allows it)"
            _assert_close(name, expected, moved, 1e-9 if tolerance is None else tolerance, what)
        runs += 5 + len(FUTURES) + int(changed) + int(tolerance is not None)
        if original.digest() != digest:
            raise AssertionError(
                f"{name} writes to the window that it is given; it must work on a copy"
            )
    again = walk(
        fresh(subject), read_only_copy(_around(panel, chosen[0], depth)), chosen[0], None, still
    )
    assert_same(
        name,
        first,
        again,
        chosen[0],
        "windows of later times were shown before: it keeps them outside itself",
    )
    if not changed:
        skipped.append("changes in place (the arrays of the panel are mapped from a file)")
    if tolerance is None:
        skipped.append("order of the assets")
    if knows_dates:
        skipped.append("dates")
    return CheckReport(name, tuple(chosen), runs, tuple(skipped))


def _held_tables(name: str, subject: Any, cut: pd.Timestamp, knows_dates: bool) -> list[str]:
    """Refuse a subject that holds a panel that goes on after the cut; name tables by time that do,
    which may be a calendar.
    """
    found = []
    for attribute, value in getattr(subject, "__dict__", {}).items():
        if isinstance(value, Panel) and value.times[-1] > cut:
            raise LookAheadError(
                f"{name} holds a panel, {attribute!r}, with rows after {cut}; all that it may know "
                "comes to it in windows: "
                "give it what it needs as a parameter, or let it learn from the windows"
            )
        if (
            isinstance(value, pd.DataFrame | pd.Series)
            and isinstance(value.index, pd.DatetimeIndex)
            and len(value)
        ):
            last = value.index.max()
            late = last.tz_convert("UTC").tz_localize(None) if last.tzinfo is not None else last
            if knows_dates and late > cut:
                found.append(
                    f"the table {attribute!r}, which goes on to {last}: see that it was known "
                    "beforehand"
                )
    return found


def _moved_walk(
    name: str, walk: Walk, subject: Any, market: Panel, cut: pd.Timestamp, moved: pd.Timedelta
) -> Frames:
    try:
        return walk(subject, market, cut, None, moved)
    except MemoryError:
        raise
    except (
        Exception
    ) as error:  # the boundary to the subject: whatever it raises is the answer to the question
        raise AssertionError(
            f"{name} depends on the dates themselves: with the same quotes dated {moved.days} days "
            "later it fails "
            f"({type(error).__name__}: {error}); does it look into data of its own? "
            "(knows_dates=True allows it)"
        ) from error


def _assert_close(name: str, expected: Frames, got: Frames, tolerance: float, change: str) -> None:
    for key, frame in expected.items():
        old, new = frame.to_numpy(dtype=np.float64), got[key].to_numpy(dtype=np.float64)
        scale = max(
            float(np.nanmax(np.abs(old))) if np.isfinite(old).any() else 0.0,
            np.finfo(np.float64).tiny,
        )
        wrong = ~np.isclose(old, new, rtol=tolerance, atol=tolerance * scale, equal_nan=True)
        if wrong.any():
            row, column = (int(place[0]) for place in np.nonzero(wrong))
            raise AssertionError(
                f"{name} answers otherwise when {change}: {key} at {frame.index[row]} for "
                f"{label(frame.columns, column)} is "
                f"{new[row, column]} instead of {old[row, column]} (by "
                f"{abs(new[row, column] - old[row, column]):.3g}; "
                f"{int(wrong.sum())} cells)"
            )


def _decided(decisions: dict[pd.Timestamp, pd.Series | None], assets: pd.Index) -> Frames:
    """Return decisions as frames by time: the weights, and where the holdings are kept."""
    wanted = {t: weights for t, weights in decisions.items() if weights is not None}
    keeps = pd.DataFrame(
        {"keeps": [weights is None for weights in decisions.values()]},
        index=pd.DatetimeIndex(decisions),
    )
    return {
        "weights": pd.DataFrame(wanted, index=assets, dtype=np.float64).T.reindex(keeps.index),
        "keeping": keeps,
    }


def _signals(
    subject: Any, market: Panel, windows: list[Panel], depth: int, name: str, change: str | None
) -> list[dict[str, Any]]:
    """Ask for signals as a walk does: in one block that goes on after the last window, where there
    are rows.
    """
    rows = [int(np.searchsorted(market.times_array, window.times_array[-1])) for window in windows]
    first, last = rows[0], min(rows[-1] + 1 + BLOCK_AHEAD, len(market.times))
    with judged(name, change):
        arrays = {
            key: np.asarray(values)
            for key, values in _context(windows[0])
            .call(subject.signals, market.row_slice(0, last), first, last, depth)
            .items()
        }
    for key, values in arrays.items():
        if len(values) != last - first:
            raise AssertionError(
                f"{name}.signals must give one entry per row: {last - first} of {key!r}, got "
                f"{len(values)}"
            )
    return [{key: values[row - first] for key, values in arrays.items()} for row in rows]


def _context(window: Panel) -> Context:
    """Return the context that a walk gives at the end of a window, under the rules of the case."""
    return Context(window.now + window.step, VALUE, TradingRules(), 1)


def _assert_same_on_signal(
    name: str, t: pd.Timestamp, alone: pd.Series | None, given: pd.Series | None, tolerance: float
) -> None:
    if alone is None and given is None:
        return
    if alone is None or given is None:
        does = (
            "keeps the holdings and decide does not"
            if given is None
            else "trades and decide keeps the holdings"
        )
        raise AssertionError(
            f"{name}.decide_on {does} at {t}, given the signals of a block; both must answer alike"
        )
    wrong = ~np.isclose(alone, given.reindex(alone.index), rtol=tolerance, atol=tolerance)
    if wrong.any():
        place = int(np.flatnonzero(wrong)[0])
        raise AssertionError(
            f"{name}.decide_on answers otherwise than decide at {t} for "
            f"{label(alone.index, place)}, given the signals of a "
            f"block that goes on after {t}: {given.iloc[place]} instead of {alone.iloc[place]} "
            f"({int(wrong.sum())} assets); the "
            "signal of a row must be what is known after that row"
        )


def _decision(
    decide: Callable[..., Any],
    window: Panel,
    holdings: pd.Series,
    name: str,
    change: str | None,
    *signal: Any,
) -> pd.Series | None:
    """Ask for one decision and hold it to the contract; return weights by asset."""
    before = holdings.copy()
    with judged(name, change):
        target = _context(window).call(decide, window, holdings, *signal)
    if not holdings.equals(before):
        raise AssertionError(
            f"{name} writes to the holdings that it is given; it must work on a copy"
        )
    if target is None:
        return None
    at = f"at {window.now}"
    if not isinstance(target, pd.Series):
        raise AssertionError(
            f"{name} must return a Series of weights by asset, or None, got "
            f"{type(target).__name__} {at}"
        )
    if not target.index.is_unique:
        raise AssertionError(
            f"{name} gives asset {label(target.index[target.index.duplicated()], 0)} two weights "
            f"{at}"
        )
    unknown = target.index.difference(window.assets)
    if len(unknown):
        raise AssertionError(
            f"{name} gives a weight to {label(unknown, 0)} {at}, which is no asset of the window; "
            "USD takes the rest"
        )
    values = target.to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = ~np.isfinite(values) | (values < -1e-12)
    if wrong.any():
        place = int(np.flatnonzero(wrong)[0])
        raise AssertionError(
            f"{name} wants {values[place]} of {label(target.index, place)} {at}; "
            "weights are finite and not negative, None keeps all"
        )
    if values.sum() > 1.0 + 1e-9:
        raise AssertionError(
            f"{name} wants weights that sum to {values.sum():.12g} {at}; at most 1 is there"
        )
    weights = target.reindex(window.assets).fillna(0.0)
    quoted = np.isfinite(window.array("price")).any(axis=0)
    unlisted = ~quoted & (weights.to_numpy() > holdings.to_numpy() + 1e-12)
    if unlisted.any():
        asset = label(window.assets, int(np.flatnonzero(unlisted)[0]))
        raise AssertionError(
            f"{name} buys {asset} {at}, which has no quote in the window; it cannot be bought"
        )
    return weights


def _forecast(subject: Any, window: Panel, name: str, change: str | None) -> pd.Series:
    with judged(name, change):
        forecast = subject.predict(window)
    at = f"at {window.now}"
    if not isinstance(forecast, pd.Series):
        raise AssertionError(
            f"{name}.predict must return a Series by asset, got {type(forecast).__name__} {at}"
        )
    if not forecast.index.is_unique or set(forecast.index) != set(window.assets):
        odd = forecast.index.symmetric_difference(window.assets).tolist()[:3]
        raise AssertionError(
            f"{name}.predict must name each asset of the window once, NaN for no forecast; see "
            f"{odd} {at}"
        )
    values = forecast.to_numpy(dtype=np.float64, na_value=np.nan)
    if np.isinf(values).any():
        asset = label(forecast.index, int(np.flatnonzero(np.isinf(values))[0]))
        raise AssertionError(
            f"{name}.predict gives an infinite forecast for {asset} {at}; NaN means no forecast"
        )
    return forecast


def _assert_same_in_block(
    name: str, t: pd.Timestamp, single: pd.Series, block: pd.Series, tolerance: float
) -> None:
    alone, together = (
        single.reindex(block.index).to_numpy(dtype=np.float64),
        block.to_numpy(dtype=np.float64),
    )
    scale = float(np.nanmax(np.abs(alone))) if np.isfinite(alone).any() else 0.0
    wrong = ~np.isclose(alone, together, rtol=tolerance, atol=tolerance * scale, equal_nan=True)
    if wrong.any():
        place = int(np.flatnonzero(wrong)[0])
        raise AssertionError(
            f"{name}.forecast_block answers otherwise than fit and predict at {t} for "
            f"{label(block.index, place)}: "
            f"{together[place]} instead of {alone[place]} ({int(wrong.sum())} assets)"
        )


def _fitted(subject: Any, window: Panel, name: str, change: str | None) -> None:
    with judged(name, change):
        returned = subject.fit(window)
    if returned is not subject:
        raise AssertionError(f"{name}.fit must return itself, got {type(returned).__name__}")


def _held(held: pd.Series, market: Panel, window: Panel) -> pd.Series:
    """Return holdings by asset of this market, in arrays that cannot be written to; none of an
    asset never quoted so far.
    """
    quoted = np.isfinite(window.array("price")).any(axis=0)
    values = np.where(quoted, held.reindex(market.assets).to_numpy(), 0.0)
    values.flags.writeable = False
    return pd.Series(values, index=market.assets, copy=False)


def _around(panel: Panel, cut: pd.Timestamp, depth: int) -> Panel:
    """Return the rows that windows up to the cut can show, and some of those that they must not, as
    views.
    """
    times = panel.times
    place = int(times.searchsorted(cut))
    return panel.between(times[max(place - depth, 0)], times[min(place + AHEAD, len(times) - 1)])


def _row_before(panel: Panel, cut: pd.Timestamp) -> pd.Timestamp:
    times = panel.times
    return times[max(int(times.searchsorted(cut)) - 1, 0)]


def _settings(subject: Any) -> Any:
    if hasattr(subject, "get_params"):
        return subject.get_params()
    return None


def _require_object(subject: Any, what: str, methods: tuple[str, ...]) -> None:
    if isinstance(subject, type):
        raise ParameterError(
            f"{what} must be an object, got the class {subject.__name__}; give {subject.__name__}()"
        )
    for method in methods:
        if not callable(getattr(subject, method, None)):
            raise AssertionError(
                f"{type(subject).__name__} must have the method {method}(...) of an {what}"
            )
