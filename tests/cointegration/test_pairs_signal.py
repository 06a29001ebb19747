"""PairsSignal: what it knows, when it knows it, and that its forecasts are earned."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

import statarb as sa
from statarb.cointegration import OrnsteinUhlenbeck
from statarb.errors import DataError, ParameterError

FAST = {"robust": False, "lags": 1, "half_life": (1.0, 60.0), "scan_every": 100}


def market(
    rows: int = 900, seed: int = 0, *, missing: float = 0.05, spread: float = 0.01
) -> sa.Panel:
    """Two planted pairs (10, 11) and (12, 13), three walks, a late listing."""
    rng = np.random.default_rng(seed)
    levels = np.cumsum(rng.normal(size=(rows, 7)), axis=0) * 0.01
    for number, (y, x) in enumerate([(0, 1), (2, 3)]):
        levels[:, y] = (0.8 + 0.4 * number) * levels[:, x] + OrnsteinUhlenbeck.of(
            0.0, 0.1, spread
        ).simulate(rows, seed=seed + number + 900)
    levels[rng.random(levels.shape) < missing] = np.nan
    levels[: rows // 3, 6] = np.nan
    index = pd.date_range("2018-01-24", periods=rows, freq="5min")
    return sa.Panel.from_frame(pd.DataFrame(np.exp(levels), index=index, columns=range(10, 17)))


def test_planted_pairs_are_kept_and_others_have_no_forecast() -> None:
    panel = market()
    signal = sa.PairsSignal(**FAST).fit(panel)
    assert {
        frozenset(pair) for pair in zip(signal.pairs_["y"], signal.pairs_["x"], strict=True)
    } >= {
        frozenset({10, 11}),
        frozenset({12, 13}),
    }
    forecast = signal.predict(panel)
    assert forecast[[10, 11, 12, 13]].notna().all()
    assert signal.scan_size_ == 7 * 6
    assert (signal.pairs_["pvalue_adjusted"] <= 0.05).all()
    assert signal.pairs_["half_life"].between(1.0, 60.0).all()


def test_a_forecast_is_the_mean_of_the_expected_returns_of_its_pairs() -> None:
    panel = market(missing=0.0).select([10, 11, 12, 13])
    window = panel.window(panel.times[500], 400)
    signal = sa.PairsSignal(6, **FAST).fit(window)
    expected: dict[int, list[float]] = {}
    logs = np.log(pd.DataFrame(window.array(), index=window.times, columns=window.assets))
    now = np.log(
        pd.DataFrame(panel.array()[:551], index=panel.times[:551], columns=panel.assets)
    ).iloc[[-1]]
    for row in signal.pairs_.itertuples():
        spread = sa.Spread.fit(logs, row.y, row.x, row.hedge_ratio)
        # the signal measures the deviation from the sample's mean, the spread that from the fitted
        # process's mean
        shift = (
            spread.process.mean
            * spread.adjustment
            * (1 - spread.process.autoregression**6)
            / (1 - spread.process.autoregression)
        )
        for asset, value in (spread.expected_return(now, 6).iloc[0] + shift).items():
            expected.setdefault(asset, []).append(value)  # type: ignore[arg-type]
    forecast = signal.predict(panel.window(panel.times[550], 400))
    assert set(forecast.dropna().index) == set(expected)
    for asset, values in expected.items():
        assert forecast[asset] == pytest.approx(np.mean(values), rel=1e-8, abs=1e-12)


def scan_rows(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count scans from here on: the list receives the rows of each window scanned."""
    from statarb.cointegration import pairs

    made: list[int] = []
    scan = pairs.scan_levels

    def counted(levels: np.ndarray, *args: object, **settings: object) -> object:
        made.append(levels.shape[1])
        return scan(levels, *args, **settings)  # type: ignore[arg-type]

    monkeypatch.setattr(pairs, "scan_levels", counted)
    return made


def test_blocks_answer_as_windows_do() -> None:
    panel = market()
    signal = sa.PairsSignal(3, **FAST)
    walk = signal.walk(panel, panel.times[340], panel.times[650], depth=250)
    assert walk.shape == (311, 7)
    assert walk.notna().any(axis=1).mean() > 0.5
    for row in range(340, 651):
        fit = row // 100 * 100
        if row == 340 or row == fit:
            signal.fit(panel.window(panel.times[fit], 250))
        forecast = signal.predict(panel.window(panel.times[row], 250))
        assert np.array_equal(forecast, walk.loc[panel.times[row]], equal_nan=True)


@pytest.mark.parametrize("field", ["price", "unrounded"])
def test_windows_know_nothing_from_before_their_first_row(field: str) -> None:
    prices = market(missing=0.0).price.copy()
    prices.iloc[300:420, 5] = np.nan  # its last quote before is older than a window
    prices.iloc[410:, 4] = np.nan
    panel = sa.Panel.from_frame(prices)
    signal = sa.PairsSignal(2, **{**FAST, "scan_every": 30}, min_observed=0.2, field=field)
    walk = signal.walk(panel, panel.times[310], panel.times[600], depth=100)
    for row in range(310, 601, 7):
        fit = row // 30 * 30
        signal.fit(panel.window(panel.times[fit], 100))
        forecast = signal.predict(panel.window(panel.times[row], 100))
        assert np.array_equal(forecast, walk.loc[panel.times[row]], equal_nan=True)


def test_a_walk_says_of_a_row_the_same_wherever_it_begins() -> None:
    panel = market()
    signal = sa.PairsSignal(3, **FAST)
    whole = signal.walk(panel, panel.times[60], depth=250)
    for first, last in ((61, 333), (250, 250), (399, 700)):
        part = signal.walk(panel, panel.times[first], panel.times[last], depth=250)
        assert part.equals(whole.loc[part.index])


def test_a_walk_scans_once_every_so_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    panel = market()
    signal = sa.PairsSignal(**FAST)
    assert signal.refit_every == 100
    made = scan_rows(monkeypatch)
    signal.walk(panel, panel.times[250], panel.times[849], depth=250)
    assert len(made) == 7  # at the rows 200, 300, ..., 800
    assert made == [201] + [250] * 6


def test_horizons_share_scans(monkeypatch: pytest.MonkeyPatch) -> None:
    panel = market()
    rows = np.arange(250, 640)
    fits = rows // 100 * 100
    signal = sa.PairsSignal(**FAST)
    alone = {
        horizon: clone(signal).set_params(horizon=horizon).forecast_block(panel, rows, fits, 250)[0]
        for horizon in (1, 7, 48)
    }
    made = scan_rows(monkeypatch)
    together, failed = signal.forecast_blocks(panel, rows, fits, 250, [48, 1, 7])
    assert len(made) == 5
    assert not failed.any()
    for forecast, horizon in zip(together, (48, 1, 7), strict=True):
        assert np.array_equal(forecast, alone[horizon], equal_nan=True)
    # scans made before are used as they are, those without a pair too
    strict = sa.PairsSignal(**{**FAST, "level": 1e-12})
    for one in (signal, strict):
        kept = one.scans(panel, fits, 250)
        made.clear()
        again, _ = one.forecast_blocks(panel, rows, fits, 250, [7], scans=kept)
        assert made == []
        if one is signal:
            assert np.array_equal(again[0], alone[7], equal_nan=True)
        else:
            assert np.isnan(again[0]).all()
    with pytest.raises(ParameterError, match="horizons must be"):
        signal.forecast_blocks(panel, rows, fits, 250, [0])


def test_scans_are_those_of_scan_pairs() -> None:
    panel = market()
    signal = sa.PairsSignal(**FAST)
    kept = signal.scans(panel, np.array([-1, 400, 400, 600]), 250)
    assert [one.row for one in kept] == [400, 600]
    for one in kept:
        assert one.time == panel.times[one.row]
        window = panel.window(one.time, 250)
        watched = np.flatnonzero(window.observed_array.mean(axis=0) >= 0.5)
        levels = pd.DataFrame(
            np.log(window.last_known()[:, watched]), columns=panel.assets[watched]
        )
        tests = sa.scan_pairs(levels, 1, 12, "bh", 100)
        passed = tests.filter(pvalue_adjusted=0.05, half_life=(1.0, 60.0), one_direction=True)
        pd.testing.assert_frame_equal(
            one.to_frame()[list(passed.to_frame().columns)], passed.to_frame(), check_exact=True
        )
        assert one.tests == tests.settings["tests"]
        assert len(one) == len(passed) > 0
        assert one.reason == ""


@pytest.mark.parametrize("case", ["short", "alone", "still"])
def test_where_nothing_can_be_scanned_there_is_no_forecast_and_a_reason(case: str) -> None:
    prices = market(missing=0.0).price.iloc[:, :4].copy()
    words = "no pair could be tested"
    if case == "short":
        prices, words = prices.iloc[:20], "20 rows are fewer than the 30"
    elif case == "alone":
        prices.iloc[np.flatnonzero(np.arange(900) % 10), 1:] = np.nan
        words = "fewer than two assets"
    else:
        prices.iloc[:, 1:] = 3.0
    panel = sa.Panel.from_frame(prices)
    signal = sa.PairsSignal(**FAST)
    rows = np.arange(len(prices))[-10:]
    forecasts, failed = signal.forecast_block(panel, rows, rows, 300)
    assert np.isnan(forecasts).all()
    assert failed.all()
    (kept,) = signal.scans(panel, rows[-1:], 300)
    assert words in kept.reason
    assert len(kept) == len(kept.to_frame()) == 0
    assert words in repr(kept)
    if case != "short":
        signal.fit(panel)
        assert signal.failed_.all()
        assert signal.predict(panel).isna().all()
        assert list(signal.pairs_.columns)[:3] == ["y", "x", "hedge_ratio"]
        assert (
            sa.forecast_walk(signal, panel, panel.times[40], panel.times[50]).isna().all(axis=None)
        )


def test_the_past_does_not_know_the_future() -> None:
    panel = market()
    cut = 600
    prices = panel.price.copy()
    prices.iloc[cut + 1 :] *= np.exp(
        np.random.default_rng(1).normal(size=(len(prices) - cut - 1, 7))
    )
    prices.iloc[cut + 40 :, 2] = np.nan
    changed = sa.Panel.from_frame(prices)
    signal = sa.PairsSignal(**FAST)
    before = signal.walk(panel, panel.times[300], depth=250)
    after = signal.walk(changed, panel.times[300], depth=250)
    assert before.iloc[: cut - 300 + 1].equals(after.iloc[: cut - 300 + 1])
    assert not before.iloc[cut - 300 + 1 :].equals(after.iloc[cut - 300 + 1 :])
    shorter = signal.walk(panel.between(None, panel.times[cut]), panel.times[300], depth=250)
    assert before.iloc[: cut - 300 + 1].equals(shorter)


def test_the_contract_of_forecasters_holds() -> None:
    report = sa.testing.check_forecaster(sa.PairsSignal(**FAST), market(), depth=300, cuts=2)
    assert "passed" in str(report)


def test_order_of_assets_does_not_matter() -> None:
    panel = market(missing=0.0)
    other = panel.select([16, 13, 10, 15, 12, 11, 14])
    one = sa.PairsSignal(**FAST).fit(panel).predict(panel)
    two = sa.PairsSignal(**FAST).fit(other).predict(other)
    pd.testing.assert_series_equal(one, two.reindex(one.index), rtol=1e-7)


def test_forecasts_are_earned_on_a_planted_market() -> None:
    panel = market(3000, seed=4, missing=0.0)
    steps = 10
    forecast = sa.PairsSignal(steps, **{**FAST, "scan_every": 300}).walk(panel, depth=1000)
    logs = np.log(panel.price)
    earned = (logs.shift(-steps) - logs).reindex(forecast.index)
    planted = [10, 11, 12, 13]
    both = (
        forecast[planted]
        .stack()
        .to_frame("f")
        .join(earned[planted].stack().rename("r"), how="inner")
        .dropna()
    )
    assert np.corrcoef(both["f"], both["r"])[0, 1] > 0.15
    # overlapping steps, estimated relations
    assert np.polyfit(both["f"], both["r"], 1)[0] == pytest.approx(1.0, abs=0.5)


def test_walks_without_cointegration_find_next_to_nothing() -> None:
    found = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        prices = np.exp(np.cumsum(rng.normal(size=(500, 10)), axis=0) * 0.01)
        panel = sa.Panel.from_frame(
            pd.DataFrame(prices, index=pd.date_range("2018", periods=500, freq="5min"))
        )
        found += (
            len(sa.PairsSignal(lags="bic", fdr="by", half_life=(0.0, 1e9)).fit(panel).pairs_) > 0
        )
    # each market with probability at most 5 %: three or more of twelve in 2 % of the cases
    assert found <= 2


def test_no_pair_means_no_forecast() -> None:
    panel = market(200).select([14, 15])
    signal = sa.PairsSignal(**{**FAST, "level": 1e-12}).fit(panel)
    assert len(signal.pairs_) == 0
    assert signal.predict(panel).isna().all()
    sparse = sa.PairsSignal(**FAST, min_observed=1.0).fit(market(200))
    assert sparse.scan_size_ == 0


def test_settings_are_kept_copied_and_checked() -> None:
    signal = sa.PairsSignal(5, fdr="by", level=0.01)
    assert repr(signal) == "PairsSignal(horizon=5, fdr='by', level=0.01)"
    assert clone(signal).get_params() == signal.get_params()
    assert signal.set_params(horizon=2).horizon == 2
    for wrong, words in [
        ({"horizon": 0}, "horizon must be"),
        ({"lags": "hq"}, "lags must be one of"),
        ({"fdr": "holm"}, "fdr must be one of"),
        ({"half_life": (5.0, 1.0)}, "half_life must be"),
        ({"level": 0.0}, "level must be"),
        ({"field": "volume"}, "field must be one of"),
        ({"min_observed": 2.0}, "min_observed must be"),
    ]:
        with pytest.raises(ParameterError, match=words):
            sa.PairsSignal(**wrong)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="parameter of PairsSignal"):
        signal.set_params(depth=3)


def test_misuse_is_named() -> None:
    panel = market(300)
    signal = sa.PairsSignal(**FAST)
    with pytest.raises(ParameterError, match="must be fitted"):
        signal.predict(panel)
    with pytest.raises(DataError, match="at least 30 rows to scan, got 20"):
        signal.fit(panel.window(panel.times[19], 20))
    signal.fit(panel)
    with pytest.raises(DataError, match="assets that it was fitted on"):
        signal.predict(panel.select([10, 11]))
    with pytest.raises(DataError, match="no row from"):
        signal.walk(panel, "2019-01-01")
    with pytest.raises(DataError, match="at least 30 rows to scan, got 6; start later"):
        signal.walk(panel, panel.times[5])
    with pytest.raises(ParameterError, match="depth must be"):
        signal.walk(panel, depth=10)
