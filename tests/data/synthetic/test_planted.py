"""Control markets: what is planted is there at its stated size, and nothing else is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import statarb as sa
from statarb.cli import main
from statarb.data.synthetic import (
    PlantedDiffusion,
    PlantedPairs,
    PlantedTrend,
    PlantedVolatility,
)
from statarb.data.synthetic._engine.market import LEVEL_ONE
from statarb.data.synthetic.control import ControlMarket
from statarb.data.synthetic.market import CONTROL_SD, CONTROL_SHARE
from statarb.data.synthetic.planted import FAMILIES, read_plants
from statarb.data.synthetic.shared import shared_market

LONG = {"assets": 24, "days": 60, "seed": 3}
"""17,281 rows, for statistics."""


def log_prices(panel: sa.Panel) -> pd.DataFrame:
    """Exact log prices, missing cells carried forward."""
    return pd.DataFrame(np.log(panel.last_known("unrounded")), columns=panel.assets)


def returns(panel: sa.Panel) -> np.ndarray:
    return np.diff(log_prices(panel).to_numpy(), axis=0)


def largest_z(panel: sa.Panel) -> float:
    """Largest correlation of any asset's sign with any asset's sign one to three rows before, in
    standard errors. Signs of GARCH returns are independent where the shocks are, returns are not.
    """
    signs = np.sign(returns(panel))
    signs /= signs.std(axis=0)
    return max(
        float(np.abs(signs[lag:].T @ signs[:-lag]).max() / np.sqrt(len(signs) - lag))
        for lag in (1, 2, 3)
    )


# -- nothing planted -------------------------------------------------------------------------------


@pytest.mark.parametrize("stale_share", [0.0, 0.2])
@pytest.mark.parametrize("seed", [3, 4])
def test_without_a_plant_no_asset_predicts_another(seed: int, stale_share: float) -> None:
    market = sa.simulate_market(
        **{**LONG, "seed": seed},
        plant="none",
        stale_share=stale_share,  # type: ignore[arg-type]
    )
    # the largest of 3 x 24 x 24 normal numbers: beyond 4.75 in one market out of three hundred
    assert largest_z(market) < 4.75
    assert market.metadata["planted"] == []


def test_the_market_of_today_is_predictable_by_the_same_measure() -> None:
    assert largest_z(sa.simulate_market(**LONG)) > 20.0  # type: ignore[arg-type]


def test_prices_are_martingales_not_their_logs() -> None:
    """The log return plus half its variance is the symmetric shock, so that the mean of exp(r) - 1
    less the shock itself is 0; without the correction it would be half the variance.
    """
    market = shared_market(15_000, 0, 4.2, 0.0)
    grid = np.datetime64("2018-01-17T00:00", "us") + np.arange(15_000) * np.timedelta64(300, "s")
    made = ControlMarket(market, LEVEL_ONE[:4], (), grid)
    for asset in LEVEL_ONE[:4]:
        moves = made._moves(asset)
        shock = (moves.common + moves.own)[1:]
        moved = np.expm1(np.diff(made.shown_path(asset)))
        half = np.mean(shock**2) / 2.0
        assert np.std(np.diff(made.shown_path(asset))) == pytest.approx(asset.sd, rel=1e-2)
        # tails of a fourth moment that hardly exists: within a fifth of the correction
        assert abs(np.mean(moved - shock)) < 0.2 * half


def test_every_asset_is_quoted_from_the_first_row_on() -> None:
    panel = sa.simulate_market(assets=60, days=3, seed=1, plant="none")
    assert panel.price.iloc[0].notna().all()
    assert panel.price.iloc[-1].notna().all()
    assert np.isnan(panel.array()).mean() < 0.002
    assert panel.metadata["thin"] == []
    assert panel.numeraire == 1442
    usual = sa.simulate_market(assets=60, days=3, seed=1)
    assert list(panel.assets) == list(usual.assets)
    # a row at every time, of which the usual market lacks a fifth
    assert panel.times.equals(panel.grid)
    assert len(usual.times) < 0.9 * len(usual.grid)
    tether = panel.price[1474].to_numpy()
    np.testing.assert_array_equal(tether, np.round(tether, 2))
    assert np.nanmin(tether) > 50.0


def test_it_is_calm_and_moves_little_with_the_factor() -> None:
    """Its size and the share of the factor, in the quotes and in what the oracle is told."""
    panel = sa.simulate_market(**LONG, plant=("trend", {"size": 1e-6}))  # type: ignore[arg-type]
    (record,) = panel.metadata["planted"]
    usual = {asset.id: asset.sd for asset in LEVEL_ONE}
    whole = np.square(record["loadings"]) + np.square(record["own_sd"])
    np.testing.assert_allclose(np.square(record["loadings"]), CONTROL_SHARE * whole, rtol=1e-12)
    moved = pd.DataFrame(returns(panel), columns=panel.assets)
    stated = dict(zip(record["assets"], np.sqrt(whole), strict=True))
    for asset, sd in stated.items():
        if asset in usual:
            assert sd == pytest.approx(CONTROL_SD * usual[asset], rel=1e-12)
        # a step is a row; ticks, and rows that stand still, change it by far less than a twentieth
        assert moved[asset].std() == pytest.approx(sd, rel=0.05)
    # assets have nothing but the factor in common, so that its share is their correlation; tails
    # of a fourth moment that hardly exists leave the median of 276 pairs within a fifth of it
    apart = moved.corr().to_numpy()[np.triu_indices(24, 1)]
    assert np.median(apart) == pytest.approx(CONTROL_SHARE, rel=0.2)


def test_assets_without_a_plant_are_those_of_none() -> None:
    none = sa.simulate_market(assets=24, days=3, seed=2, plant="none")
    for plant in ("pairs", "diffusion", ("trend", {"assets": 3})):
        panel = sa.simulate_market(assets=24, days=3, seed=2, plant=plant)
        touched = {asset for record in panel.metadata["planted"] for asset in record["assets"]}
        rest = [asset for asset in panel.assets if asset not in touched]
        assert 0 < len(rest) < 24
        assert panel.select(rest).equals(none.select(rest))


# -- families --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("half_life", "ratio"), [(24.0, 1.0), (72.0, 1.2)])
def test_pairs_revert_as_stated(half_life: float, ratio: float) -> None:
    plant = PlantedPairs(groups=4, half_life=half_life, spread=0.015, hedge_ratio=ratio)
    panel = sa.simulate_market(**LONG, plant=plant)  # type: ignore[arg-type]
    logs = log_prices(panel)
    assert len(panel.metadata["planted"]) == 4
    for record in panel.metadata["planted"]:
        leader, follower = record["assets"]
        spread = (logs[follower] - ratio * logs[leader] - record["mean"]).to_numpy()[1:]
        effective = len(spread) / (2.9 * half_life)  # rows per independent one: (1 + p) / (1 - p)
        assert abs(spread.mean()) < 4.0 * 0.015 / np.sqrt(effective)
        assert spread.std() == pytest.approx(0.015, rel=4.0 / np.sqrt(2.0 * effective))
        # 2 % of the rows are stale, which rounds no spread
        persistence = np.polyfit(spread[:-1], spread[1:], 1)[0]
        error = np.sqrt((1.0 - persistence**2) / len(spread))
        assert abs(persistence - 0.5 ** (1.0 / half_life)) < 4.0 * error
        # the follower reverts, the leader does not
        for asset, truth in ((follower, persistence - 1.0), (leader, 0.0)):
            moved = np.diff(logs[asset].to_numpy())[1:]
            centred = spread[:-1] - spread[:-1].mean()
            slope = centred @ moved / (centred @ centred)
            noise = np.sqrt(np.sum((centred * (moved - slope * centred)) ** 2))
            assert abs(slope - truth) < 4.0 * noise / (centred @ centred)


def test_a_leaders_move_arrives_over_the_steps() -> None:
    plant = PlantedDiffusion(groups=2, followers=3, steps=12, beta=0.8)
    panel = sa.simulate_market(**LONG, plant=plant, stale_share=0.0)  # type: ignore[arg-type]
    moves = pd.DataFrame(returns(panel), columns=panel.assets)
    for record in panel.metadata["planted"]:
        leader, *followers = record["assets"]
        assert record["weights"] == [0.8 / 12] * 12
        assert len(followers) == 3
        lags = np.column_stack([moves[leader].shift(age).to_numpy() for age in range(16)])[16:]
        truth = np.append(np.full(12, 0.8 / 12), np.zeros(4))
        for follower in followers:
            answer = moves[follower].to_numpy()[16:]
            found = np.linalg.lstsq(lags, answer, rcond=None)[0]
            inverse = np.linalg.inv(lags.T @ lags)
            # errors of White (1980), since volatility is not constant
            scores = lags * (answer - lags @ found)[:, None]
            error = np.sqrt(np.diag(inverse @ (scores.T @ scores) @ inverse))
            assert (np.abs(found - truth) < 4.5 * error).all()
            # a follower does not predict its leader
            assert abs(np.corrcoef(np.sign(answer[:-1]), np.sign(lags[1:, 0]))[0, 1]) < 0.035


def test_drifts_last_and_change_as_stated() -> None:
    plant = PlantedTrend(length=200, size=0.05, assets=10)
    panel = sa.simulate_market(**LONG, plant=plant)  # type: ignore[arg-type]
    (record,) = panel.metadata["planted"]
    none = sa.simulate_market(**LONG, plant="none")  # type: ignore[arg-type]
    drifts = np.array(record["drifts"])
    changes = np.searchsorted(panel.times_array, np.array(record["changes"], "datetime64[us]"))
    np.testing.assert_array_equal(changes, np.arange(0, len(panel.times), 200))
    assert drifts.shape == (10, len(changes))
    # chi-squared with 870 degrees: one part in 20 of a standard deviation is two errors
    assert drifts.std() == pytest.approx(0.05, rel=0.15)
    assert abs(drifts.mean()) < 4.0 * 0.05 / np.sqrt(drifts.size)
    # what it adds to the market without it: its drift over the rows, up to rounding, stale rows
    # and missing cells at both ends
    added = (log_prices(panel) - log_prices(none))[record["assets"]].to_numpy()
    whole = len(changes) - 1
    grown = added[changes[1:] - 1] - added[np.maximum(changes[:-1] - 1, 0)]
    expected = drifts[:, :whole].T.copy()
    expected[0] *= 199 / 200  # the first row has no return
    np.testing.assert_allclose(grown, expected, atol=4 * 0.2 / 200)


def test_spells_of_volatility_last_and_the_premium_is_the_same() -> None:
    plant = PlantedVolatility(length=300, calm=0.5, wild=2.0, premium=0.02)
    panel = sa.simulate_market(**LONG, plant=plant)  # type: ignore[arg-type]
    none = sa.simulate_market(**LONG, plant="none")  # type: ignore[arg-type]
    (record,) = panel.metadata["planted"]
    changes = np.searchsorted(panel.times_array, np.array(record["changes"], "datetime64[us]"))
    states = np.array(record["is_wild"])
    assert (states[1:] != states[:-1]).all()
    # spells are geometric: about 58 of them, the error of their number is its root
    assert len(changes) == pytest.approx(len(panel.times) / 300, abs=4 * np.sqrt(58))
    wild = states[np.searchsorted(changes, np.arange(len(panel.times)), side="right") - 1]
    # rows after the first of a spell, none of them stale
    moved, base = returns(panel), returns(none)
    alive = np.abs(base).min(axis=1) > 1e-4
    for spell, multiple in ((wild[1:], 2.0), (~wild[1:], 0.5)):
        rows = alive & spell & ~np.append(False, np.abs(base[:-1]).max(axis=1) == 0.0)
        ratio = np.median(np.abs(moved[rows]) / np.abs(base[rows]))
        assert ratio == pytest.approx(multiple, rel=0.02)
        # what is left of a return beside the multiple of its shock is the premium, less half the
        # variance beyond that of the market without spells
        half = np.mean(moved[rows] ** 2) / 2.0 - multiple * np.mean(base[rows] ** 2) / 2.0
        left = np.mean(moved[rows] - multiple * base[rows]) + half
        assert left == pytest.approx(0.02 / 288, rel=0.25)


def test_several_plants_take_different_assets() -> None:
    plants = ("trend", ("pairs", {"groups": 2}), PlantedDiffusion(groups=1), "volatility")
    panel = sa.simulate_market(assets=24, days=3, seed=5, plant=plants)
    records = panel.metadata["planted"]
    assert [record["name"] for record in records] == [
        "pairs", "pairs", "diffusion", "trend", "volatility",
    ]  # fmt: skip
    taken = [asset for record in records[:-1] for asset in record["assets"]]
    assert sorted(taken) == sorted(panel.assets), "the trend takes what is left"
    assert records[-1]["assets"] == list(panel.assets)
    followers = {records[0]["assets"][1], records[1]["assets"][1], *records[2]["assets"][1:]}
    assert set(records[-1]["measured"]) == set(panel.assets) - followers
    again = sa.simulate_market(assets=24, days=3, seed=5, plant=plants[::-1])
    assert again.price.equals(panel.price)


# -- forms, files, errors --------------------------------------------------------------------------


def test_forms_of_a_plant() -> None:
    assert read_plants("none") == read_plants([]) == ()
    assert read_plants("pairs") == read_plants(["pairs"]) == (PlantedPairs(),)
    assert read_plants(("pairs", {"groups": 2})) == (PlantedPairs(groups=2),)
    assert read_plants(["trend", ("pairs", {})]) == (PlantedTrend(), PlantedPairs())
    assert read_plants(("pairs", "trend")) == (PlantedPairs(), PlantedTrend())
    for name, family in FAMILIES.items():
        assert read_plants(name) == read_plants(family()) == (family(),)


@pytest.mark.parametrize("plant", ["none", *FAMILIES])
def test_the_same_seed_gives_the_same_market_and_files_keep_what_is_planted(
    plant: str, tmp_path: Path
) -> None:
    one, two = (sa.simulate_market(assets=24, days=2, seed=7, plant=plant) for _ in range(2))
    assert one.digest() == two.digest()
    assert one.metadata == two.metadata
    other = sa.simulate_market(assets=24, days=2, seed=8, plant=plant)
    assert not one.equals(other)
    one.save(tmp_path / "market.parquet")
    assert sa.Panel.load(tmp_path / "market.parquet").metadata == one.metadata
    name, parameters = one.metadata["simulated"]["plant"][0] if plant != "none" else ("none", {})
    again = sa.simulate_market(assets=24, days=2, seed=7, plant=(name, parameters))
    assert again.digest() == one.digest()


@pytest.mark.parametrize(
    ("assets", "plant", "words"),
    [
        (24, "pears", "plant must be one of 'none', 'pairs'.*did you mean 'pairs'"),
        (24, ("pairs", {"half": 3}), "parameter of plant 'pairs' must be one of 'groups'"),
        (24, ("none", {"groups": 3}), "'none' takes no parameters"),
        (24, ["none", "pairs"], "'none' alone"),
        (24, ["pairs", ("pairs", {"groups": 1})], "a family once, got 'pairs' 2 times"),
        (24, 3, "plant must be one of"),
        (24, [("pairs", 3)], "plant must be one of"),
        (7, "pairs", "8 assets for pairs, got assets=7; give at least assets=8"),
        (17, ["pairs", "diffusion"], "at least assets=18"),
        (24, ("trend", {"assets": 25}), "25 assets for trend"),
        (24, ("pairs", {"groups": 0}), "groups must be an integer at least 1"),
        (24, ("pairs", {"half_life": 0}), "half_life must be"),
        (24, ("pairs", {"spread": -0.1}), "spread must be"),
        (24, ("diffusion", {"steps": 1}), "steps must be"),
        (24, ("trend", {"length": 1}), "length must be"),
        (24, ("volatility", {"wild": 0.1}), "wild must be a finite number above 0.4"),
    ],
)
def test_plants_that_are_refused(assets: int, plant: object, words: str) -> None:
    with pytest.raises(sa.ParameterError, match=words):
        sa.simulate_market(assets=assets, days=1, plant=plant)  # type: ignore[arg-type]


def test_the_command_line_plants_and_writes_what_it_planted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "control"
    words = ["simulate", "--assets", "24", "--days", "1", "--seed", "2", "--out", str(folder)]
    plants = ["--plant", "pairs:half_life=12, spread=0.03,groups=2", "--plant", "trend"]
    assert main([*words, *plants, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["planted"] == ["pairs", "pairs", "trend"]
    made = sa.simulate_market(
        24, 1, 2, plant=[PlantedPairs(groups=2, half_life=12, spread=0.03), PlantedTrend()]
    )
    assert json.loads((folder / "planted.json").read_text()) == made.metadata["planted"]
    read = sa.read_quotes(folder)
    pd.testing.assert_frame_equal(read.price, made.price, check_freq=False)
    assert main([*words[:-1], str(tmp_path / "x"), "--plant", "pairs:groups"]) != 0
    assert "--plant must be given as name=value, got 'groups'" in capsys.readouterr().err
