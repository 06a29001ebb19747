"""Investors that cheat, each in a way of its own: what a check can find, it finds, and says what it
is.
"""

from __future__ import annotations

import gc
import inspect
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

import statarb as sa
from statarb.testing import check_causal, check_investor, example_market

MARKET = example_market()


def best_next(panel: sa.Panel, window: sa.Panel) -> pd.Series:
    """Half the money on the asset that gains most in the step after the window, as far as the panel
    knows it.
    """
    place = int(np.searchsorted(panel._stamps, window._stamps[-1]))
    known = panel.last_known()
    gain = np.nan_to_num(known[min(place + 1, len(known) - 1)] / known[min(place, len(known) - 1)])
    gain[~np.isfinite(window.array()).any(axis=0)] = 0.0
    return pd.Series({window.assets[int(np.argmax(gain))]: 0.5})


class OfAGlobal:
    """Peeks at the whole market through a name of its module."""

    name = "global"

    def decide(self, window, holdings):
        return best_next(MARKET, window)


class OfTheCaller:
    """Peeks at the whole market in the frames of whoever asks."""

    name = "caller"

    def decide(self, window, holdings):
        frame = inspect.currentframe().f_back
        while frame is not None:
            for value in frame.f_locals.values():
                if isinstance(value, sa.Panel) and value.times[-1] > window.now:
                    return best_next(value, window)
            frame = frame.f_back
        return None


class OfTheCollector:
    """Peeks at any panel that the garbage collector knows."""

    name = "collector"

    def decide(self, window, holdings):
        for value in gc.get_objects():
            if (
                isinstance(value, sa.Panel)
                and len(value.assets) == len(window.assets)
                and value.times[-1] > window.now
            ):
                return best_next(value, window)
        return None


class OfTheBase:
    """Peeks at the memory behind the window's array."""

    name = "base"

    def decide(self, window, holdings):
        shown = base = window.array()
        while isinstance(base.base, np.ndarray):
            base = base.base
        after = (
            shown.__array_interface__["data"][0] - base.__array_interface__["data"][0]
        ) // shown.strides[0] + len(shown)
        if after >= len(base):
            return None
        gain = np.nan_to_num(base[after] / shown[-1])
        return pd.Series({window.assets[int(np.argmax(gain))]: 0.5}) if gain.any() else None


class OfEarlierQuestions:
    """Remembers in its class all rows that it was ever shown, and looks up what came twelve rows
    later.
    """

    name = "memory"
    seen: ClassVar[dict] = {}

    def decide(self, window, holdings):
        self.seen.update(zip(window.times, window.last_known(), strict=True))
        later = sorted(
            time for time in self.seen if window.now < time < window.now + pd.Timedelta("1D")
        )
        if len(later) < 12:
            return pd.Series({window.assets[0]: 0.25})
        gain = np.nan_to_num(self.seen[later[11]] / window.last_known()[-1])
        return pd.Series({window.assets[int(np.argmax(gain))]: 0.5})


class OfItsConstructor:
    """Keeps the whole market that it was fitted on."""

    name = "constructor"

    def __init__(self, panel):
        self.panel = panel

    def decide(self, window, holdings):
        return best_next(self.panel, window)


class OfItsSignals:
    """Decides honestly when asked for one window, and peeks within a block when asked for
    signals.
    """

    name = "signals"

    def signals(self, panel, first, last, depth):
        known = panel.last_known()
        return {"gain": np.nan_to_num(np.vstack([known[1:], known[-1:]]) / known)[first:last]}

    def decide_on(self, window, holdings, signal):
        place = int(np.argmax(signal["gain"]))
        return (
            pd.Series({window.assets[place]: 0.5})
            if signal["gain"][place] > 1.0
            else pd.Series(dtype=float)
        )

    def decide(self, window, holdings):
        last = len(window.times)
        return self.decide_on(
            window, holdings, {"gain": self.signals(window, last - 1, last, last)["gain"][0]}
        )


@pytest.mark.parametrize(
    ("cheat", "error", "words"),
    [
        (OfAGlobal(), sa.LookAheadError, "only rows after .* multiplied in place"),
        (OfTheCaller(), sa.LookAheadError, "only rows after"),
        (OfTheCollector(), sa.LookAheadError, "only rows after"),
        (OfTheBase(), sa.LookAheadError, "only rows after"),
        (
            OfEarlierQuestions(),
            sa.LookAheadError,
            "windows of later times were shown before: it keeps them outside itself",
        ),
        (OfItsConstructor(MARKET), sa.LookAheadError, "holds a panel, 'panel', with rows after"),
        (
            OfItsSignals(),
            AssertionError,
            "the signal of a row must be what is known after that row",
        ),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
@pytest.mark.parametrize("knows_dates", [False, True])
def test_a_cheat_is_caught(cheat, error, words, knows_dates):
    OfEarlierQuestions.seen.clear()
    with pytest.raises(error, match=words):
        check_investor(cheat, MARKET, knows_dates=knows_dates, tolerance=None)


def test_an_honest_twin_of_the_signals_passes():
    class Honest(OfItsSignals):
        def signals(self, panel, first, last, depth):
            known = panel.last_known()
            return {"gain": np.nan_to_num(known / np.vstack([known[:1], known[:-1]]))[first:last]}

        def decide(self, window, holdings):
            last = len(window.times)
            return self.decide_on(
                window, holdings, {"gain": self.signals(window, last - 1, last, last)["gain"][0]}
            )

    globals()["Honest"] = Honest
    Honest.__qualname__ = "Honest"
    assert "passed" in str(check_investor(Honest(), MARKET, tolerance=None))


def test_what_the_metadata_says_of_the_whole_market_is_the_future():
    panel = MARKET.with_arrays({}, metadata={"best": 1443})
    with pytest.raises(sa.LookAheadError, match="KeyError: 'best'"):
        check_causal(lambda market: market.price * market.metadata["best"], panel, cuts=1)


def test_a_table_that_reaches_into_the_future_is_named_where_dates_are_allowed():
    class Calendar:
        name = "calendar"

        def __init__(self):
            self.events = pd.DataFrame({"benefit": [0.0]}, index=[MARKET.times[-1]])

        def decide(self, window, holdings):
            return None

    globals()["Calendar"] = Calendar
    Calendar.__qualname__ = "Calendar"
    report = check_investor(Calendar(), MARKET, cuts=1, knows_dates=True)
    assert any("'events', which goes on to" in note for note in report.skipped)


def test_a_panel_of_the_library_cannot_be_written_to_through_its_windows(tmp_path):
    made = sa.simulate_market(assets=21, days=1, seed=0)
    made.save(tmp_path / "market.parquet")
    sa.write_quotes(made, tmp_path)
    panels = [
        MARKET,
        made,
        sa.Panel.load(tmp_path / "market.parquet"),
        sa.read_quotes(tmp_path),
        made.select([1442]),
    ]
    for panel in panels:
        with pytest.raises(ValueError, match="WRITEABLE"):
            panel.window(panel.times[5]).array().flags.writeable = True
