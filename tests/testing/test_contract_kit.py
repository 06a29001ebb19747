"""check_investor and check_forecaster: the honest pass, and every broken promise is named."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest

import statarb as sa
from statarb.testing import check_forecaster, check_investor, example_market

MARKET = example_market()
COUNTER = iter(range(10**9))


@dataclasses.dataclass(frozen=True)
class BuyAndHoldEqualWeight:
    name: str = "equal"

    def decide(self, window: sa.Panel, holdings: pd.Series) -> pd.Series | None:
        quoted = np.isfinite(window.array("price")).any(axis=0)
        return pd.Series(np.where(quoted, 1.0 / quoted.sum(), 0.0), index=window.assets)


class Keeper(BuyAndHoldEqualWeight):
    def decide(self, window: sa.Panel, holdings: pd.Series) -> pd.Series | None:
        return None


class PeekBase(BuyAndHoldEqualWeight):
    """Reads the row after its window out of the array that the window is a view of."""

    def decide(self, window: sa.Panel, holdings: pd.Series) -> pd.Series | None:
        whole = window.array("price").base
        rise = whole[min(len(window.times), len(whole) - 1)] / window.last_known()[-1] - 1.0
        return pd.Series(
            np.where(rise > 0, 1.0, 0.0) / max((rise > 0).sum(), 1), index=window.assets
        )


class PeekGlobalByPlace(BuyAndHoldEqualWeight):
    """Reads the row after its window out of a global."""

    def decide(self, window: sa.Panel, holdings: pd.Series) -> pd.Series | None:
        value = np.nan_to_num(MARKET.array("price")[min(len(window.times), len(MARKET.times) - 1)])
        return pd.Series(value / value.sum(), index=window.assets)


class PeekGlobalAtTheEnd(BuyAndHoldEqualWeight):
    """Knows which assets end well."""

    def decide(self, window: sa.Panel, holdings: pd.Series) -> pd.Series | None:
        value = np.nan_to_num(LONG.array("price")[-1])
        return pd.Series(value / value.sum(), index=window.assets)


LONG = example_market(times=1500)


class PeekGlobalByTime(BuyAndHoldEqualWeight):
    """Looks the next price up in a table of its own."""

    def decide(self, window: sa.Panel, holdings: pd.Series) -> pd.Series | None:
        value = TABLE.loc[window.now + window.step].reindex(window.assets)
        return value / value.sum()


TABLE = example_market().price.ffill().bfill()


class Writes(BuyAndHoldEqualWeight):
    def decide(self, window: sa.Panel, holdings: pd.Series) -> pd.Series | None:
        window.array("price")[0] = 1.0
        return None


class WritesHoldings(BuyAndHoldEqualWeight):
    def decide(self, window: sa.Panel, holdings: pd.Series) -> pd.Series | None:
        holdings.iloc[0] = 0.5
        return holdings


class Random(BuyAndHoldEqualWeight):
    def decide(self, window: sa.Panel, holdings: pd.Series) -> pd.Series | None:
        return pd.Series(1.0 / (10 + next(COUNTER)), index=window.assets[:1])


class FirstColumn(BuyAndHoldEqualWeight):
    def decide(self, window: sa.Panel, holdings: pd.Series) -> pd.Series | None:
        return pd.Series([1.0], index=window.assets[:1])


@dataclasses.dataclass(frozen=True)
class Fixed:
    weights: Any
    name: str = "fixed"

    def decide(self, window: sa.Panel, holdings: pd.Series) -> Any:
        return self.weights


def test_honest_investors_pass() -> None:
    for investor in (BuyAndHoldEqualWeight(), Keeper()):
        report = check_investor(investor, cuts=3)
        assert report.skipped == ()
        assert report.runs == 3 * 12 + 1


@pytest.mark.parametrize(
    ("investor", "error", "message"),
    [
        (PeekBase(), sa.LookAheadError, "looks ahead: the result at"),
        (PeekGlobalByPlace(), sa.LookAheadError, "in place"),
        (PeekGlobalByTime(), AssertionError, "dates themselves.* it fails .KeyError"),
        (Writes(), AssertionError, "must work on a copy"),
        (WritesHoldings(), AssertionError, "must work on a copy"),
        (Random(), AssertionError, "not repeatable"),
        (FirstColumn(), AssertionError, "assets change places"),
        (Fixed([0.5]), AssertionError, "Series of weights"),
        (Fixed(pd.Series([0.5, 0.2], index=[1442, 1442])), AssertionError, "two weights"),
        (Fixed(pd.Series({9: 0.5})), AssertionError, "no asset of the window"),
        (Fixed(pd.Series({1442: -0.1})), AssertionError, "not negative"),
        (Fixed(pd.Series({1442: np.nan})), AssertionError, "finite"),
        (Fixed(pd.Series({1442: 0.7, 1443: 0.4})), AssertionError, "sum to 1.1"),
        (Fixed(None, name=""), AssertionError, "must have a name"),
        (Fixed(None, name=lambda: 0), AssertionError, "must have a name"),  # type: ignore[arg-type]
    ],
)
def test_broken_promises_of_investors_are_named(
    investor: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        check_investor(investor, MARKET)


def test_a_peek_far_ahead_is_caught() -> None:
    with pytest.raises(sa.LookAheadError, match="in place"):
        check_investor(PeekGlobalAtTheEnd(), LONG, depth=50, cuts=1, start=LONG.times[500])


def test_an_unlisted_asset_cannot_be_bought() -> None:
    market = example_market(times=900)
    late = market.assets[-1]
    with pytest.raises(AssertionError, match="no quote in the window"):
        check_investor(
            Fixed(pd.Series({late: 1.0})), market, depth=5, cuts=8, start=market.times[20]
        )


def test_what_cannot_be_pickled_is_refused() -> None:
    class Local(BuyAndHoldEqualWeight):
        pass

    with pytest.raises(AssertionError, match="pickled"):
        check_investor(Local())


def test_classes_and_other_objects_are_refused() -> None:
    with pytest.raises(sa.ParameterError, match=r"give BuyAndHoldEqualWeight\(\)"):
        check_investor(BuyAndHoldEqualWeight)
    with pytest.raises(AssertionError, match=r"must have the method decide"):
        check_investor(object())
    with pytest.raises(AssertionError, match=r"must have the method fit"):
        check_forecaster(BuyAndHoldEqualWeight())


def test_dates_may_be_known_on_request() -> None:
    check_investor(Friday(), knows_dates=True)
    with pytest.raises(AssertionError, match="dated 364 days later"):
        check_investor(Friday())


class NeedsTheFuture(BuyAndHoldEqualWeight):
    """Fails where the row after its window is gone."""

    def decide(self, window: sa.Panel, holdings: pd.Series) -> pd.Series | None:
        window.array("price").base[len(window.times)]
        return None


class ShortOfMemory(BuyAndHoldEqualWeight):
    """Runs out of memory where the row after its window is gone, as by chance."""

    def decide(self, window: sa.Panel, holdings: pd.Series) -> pd.Series | None:
        if len(window.array("price").base) <= len(window.times):
            raise MemoryError
        return None


def test_what_fails_only_without_the_future_looks_ahead() -> None:
    with pytest.raises(
        sa.LookAheadError, match=r"with rows after .* dropped it fails .IndexError.*without that"
    ):
        check_investor(NeedsTheFuture(), MARKET)


def test_a_machine_short_of_memory_proves_no_look_ahead() -> None:
    with pytest.raises(MemoryError):
        check_investor(ShortOfMemory(), MARKET)


def test_what_the_subject_raises_on_an_unchanged_market_passes_as_it_is() -> None:
    with pytest.raises(AttributeError, match="to_numpy"):
        check_investor(Raises(), MARKET)


class Raises(BuyAndHoldEqualWeight):
    def decide(self, window: sa.Panel, holdings: pd.Series) -> pd.Series | None:
        return None.to_numpy()  # type: ignore[attr-defined]


class Friday(BuyAndHoldEqualWeight):
    def decide(self, window: sa.Panel, holdings: pd.Series) -> pd.Series | None:
        return super().decide(window, holdings) if window.now.year == 2018 else None


class MeanReturn:
    """Mean log return of the window the forecaster was fitted on, from last known prices."""

    def __init__(self, shrink: float = 0.5) -> None:
        self.shrink = shrink

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {"shrink": self.shrink}

    def fit(self, window: sa.Panel) -> MeanReturn:
        self.mean_ = pd.Series(
            np.nanmean(np.diff(np.log(window.last_known()), axis=0), axis=0), index=window.assets
        )
        return self

    def predict(self, window: sa.Panel) -> pd.Series:
        return self.shrink * self.mean_.reindex(window.assets)


class FitPeeks(MeanReturn):
    def fit(self, window: sa.Panel) -> MeanReturn:
        whole = window.array("price").base
        self.mean_ = pd.Series(
            np.nanmean(np.diff(np.log(whole), axis=0), axis=0), index=window.assets
        )
        return self


class PredictPeeks(MeanReturn):
    def predict(self, window: sa.Panel) -> pd.Series:
        whole = window.array("price").base
        return pd.Series(
            np.log(whole[len(window.times)] / whole[len(window.times) - 1]), index=window.assets
        )


class PeekStacked(MeanReturn):
    """Rebuilds the array beyond the end of its view."""

    def predict(self, window: sa.Panel) -> pd.Series:
        values = window.array("price")
        beyond = np.lib.stride_tricks.as_strided(
            values, (len(values) + 1, values.shape[1]), values.strides
        )
        return pd.Series(np.log(beyond[-1] / beyond[-2]), index=window.assets)


class ForgetsItself(MeanReturn):
    def fit(self, window: sa.Panel) -> Any:
        super().fit(window)


class ChangesSettings(MeanReturn):
    def fit(self, window: sa.Panel) -> MeanReturn:
        self.shrink /= 2
        return super().fit(window)


class Infinite(MeanReturn):
    def predict(self, window: sa.Panel) -> pd.Series:
        return super().predict(window) * np.inf


class Short(MeanReturn):
    def predict(self, window: sa.Panel) -> pd.Series:
        return super().predict(window).iloc[1:]


class LosesItsFit(MeanReturn):
    def __getstate__(self) -> dict[str, Any]:
        return (
            {"shrink": self.shrink, "mean_": self.mean_ * 0}
            if hasattr(self, "mean_")
            else self.__dict__
        )


def test_an_honest_forecaster_passes() -> None:
    report = check_forecaster(MeanReturn(), cuts=3)
    assert len(report.cuts) == 3
    assert "passed" in str(report)


@pytest.mark.parametrize(
    ("forecaster", "error", "message"),
    [
        (FitPeeks(), sa.LookAheadError, "looks ahead"),
        (PredictPeeks(), sa.LookAheadError, "looks ahead"),
        (PeekStacked(), sa.LookAheadError, "looks ahead"),
        (ForgetsItself(), AssertionError, "fit must return itself"),
        (ChangesSettings(), AssertionError, "changes the settings"),
        (Infinite(), AssertionError, "infinite"),
        (Short(), AssertionError, "name each asset"),
        (LosesItsFit(), AssertionError, "pickl"),
    ],
)
def test_broken_promises_of_forecasters_are_named(
    forecaster: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        check_forecaster(forecaster, MARKET)
