"""Candle files of freqtrade and ccxt: closes on one grid, at the time they are known."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import statarb as sa

OPENED = pd.date_range("2018-01-25", periods=6, freq="5min", tz="UTC")
CANDLES = pd.DataFrame(
    {
        "date": OPENED,
        "open": [10.0, 11, 12, 13, 14, 15],
        "high": [12.0, 13, 14, 15, 16, 17],
        "low": [9.0, 10, 11, 12, 13, 14],
        "close": [11.0, 12, 13, 14, 15, 16],
        "volume": [1.0, 2, 0, 4, 5, 6],
    }
)
MILLISECONDS = CANDLES.assign(date=OPENED.as_unit("ms").asi8)


def rows(frame: pd.DataFrame) -> list[list[float]]:
    return frame.to_numpy(dtype=float).tolist()


def write(folder: Path, name: str, frame: pd.DataFrame = CANDLES) -> Path:
    path = folder / name
    milliseconds = frame.assign(date=pd.DatetimeIndex(frame["date"]).as_unit("ms").asi8)
    if name.endswith(".feather"):
        frame.reset_index(drop=True).to_feather(path)
    elif name.endswith(".parquet"):
        frame.to_parquet(path)
    elif name.endswith(".json"):
        path.write_text(json.dumps(rows(milliseconds)))
    elif name.endswith(".json.gz"):
        path.write_bytes(gzip.compress(json.dumps(rows(milliseconds)).encode()))
    else:
        frame.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("ending", [".json", ".json.gz", ".csv", ".csv.gz", ".feather", ".parquet"])
def test_every_format_gives_the_same_panel(ending: str, tmp_path: Path) -> None:
    write(tmp_path, f"BTC_USDT-5m{ending}")
    panel = sa.read_ohlcv(tmp_path, fields=("open", "high", "low", "volume"), numeraire="BTC/USDT")
    assert list(panel.assets) == ["BTC/USDT"]
    assert panel.step == pd.Timedelta("5min")
    assert panel.times.equals((OPENED + pd.Timedelta("5min")).tz_localize(None).as_unit("us"))
    assert panel.price["BTC/USDT"].tolist() == CANDLES["close"].tolist()
    assert panel.field("high")["BTC/USDT"].tolist() == CANDLES["high"].tolist()
    assert (
        panel.field("volume")["BTC/USDT"].tolist()
        == (CANDLES["volume"] * CANDLES["close"]).tolist()
    )
    assert panel.table.loc["BTC/USDT", "symbol"] == "BTC"
    assert panel.numeraire == "BTC/USDT"


def test_a_close_is_known_when_the_candle_is_over(tmp_path: Path) -> None:
    write(tmp_path, "BTC_USDT-5m.json")
    panel = sa.read_ohlcv(tmp_path)
    assert panel.window("2018-01-25 00:05").price["BTC/USDT"].tolist() == [11.0]
    with pytest.raises(sa.DataError, match="empty"):
        panel.window("2018-01-25 00:04:59")


def test_openings_off_the_grid_are_known_at_the_next_time_of_it(tmp_path: Path) -> None:
    late = CANDLES.assign(date=OPENED + pd.Timedelta("90s"))
    write(tmp_path, "BTC_USDT-5m.json", late)
    panel = sa.read_ohlcv(tmp_path)
    assert panel.times[0] == pd.Timestamp("2018-01-25 00:10")


def test_pairs_share_one_grid(tmp_path: Path) -> None:
    write(tmp_path, "BTC_USDT-5m.feather")
    write(tmp_path, "ETH_USDT-5m.csv", CANDLES.iloc[[1, 4]])
    write(
        tmp_path, "XRP_USDT_USDT-5m-futures.json", CANDLES.assign(date=OPENED + pd.Timedelta("1h"))
    )
    (tmp_path / "notes.txt").write_text("no candles")
    panel = sa.read_ohlcv(tmp_path)
    assert list(panel.assets) == ["BTC/USDT", "ETH/USDT", "XRP/USDT:USDT-futures"]
    assert panel.grid_shape == (18, 3)
    assert len(panel.times) == 12
    assert panel.price["ETH/USDT"].dropna().index.tolist() == [
        pd.Timestamp("2018-01-25 00:10"),
        pd.Timestamp("2018-01-25 00:25"),
    ]
    some = sa.read_ohlcv(tmp_path, pairs=["ETH/USDT"])
    assert list(some.assets) == ["ETH/USDT"]


def test_timeframes_must_be_chosen_where_there_are_several(tmp_path: Path) -> None:
    write(tmp_path, "BTC_USDT-5m.json")
    write(
        tmp_path,
        "BTC_USDT-1h.json",
        CANDLES.assign(date=pd.date_range("2018-01-25", periods=6, freq="h", tz="UTC")),
    )
    with pytest.raises(sa.ParameterError, match="timeframe must be chosen"):
        sa.read_ohlcv(tmp_path)
    assert sa.read_ohlcv(tmp_path, timeframe="5m").step == pd.Timedelta("5min")
    hourly = sa.read_ohlcv(tmp_path, timeframe="1h")
    assert hourly.step == pd.Timedelta("1h")
    assert hourly.times[0] == pd.Timestamp("2018-01-25 01:00")
    with pytest.raises(sa.DataError, match="no candle file with timeframe 1d"):
        sa.read_ohlcv(tmp_path, timeframe="1d")


def test_a_name_without_a_timeframe_takes_the_distance_of_its_candles(tmp_path: Path) -> None:
    write(tmp_path, "BTCUSDT.csv")
    panel = sa.read_ohlcv(tmp_path)
    assert list(panel.assets) == ["BTCUSDT"]
    assert panel.step == pd.Timedelta("5min")
    assert sa.read_ohlcv(tmp_path, timeframe="5m").equals(panel)


@pytest.mark.parametrize(
    ("unit", "scale"), [("s", 1), ("ms", 1_000), ("us", 1_000_000), ("ns", 1_000_000_000)]
)
def test_units_of_numeric_times(unit: str, scale: int, tmp_path: Path) -> None:
    frame = CANDLES.assign(date=OPENED.as_unit("s").asi8 * scale)
    frame.rename(columns={"date": "timestamp"}).to_csv(tmp_path / "BTC_USDT-5m.csv", index=False)
    assert sa.read_ohlcv(tmp_path).times[0] == pd.Timestamp("2018-01-25 00:05")


def test_csv_without_a_header_and_json_of_objects(tmp_path: Path) -> None:
    MILLISECONDS.to_csv(tmp_path / "BTC_USDT-5m.csv", index=False, header=False)
    CANDLES.assign(date=OPENED.astype(str)).to_csv(
        tmp_path / "ETH_USDT-5m.csv", index=False, header=False
    )
    (tmp_path / "XRP_USDT-5m.json").write_text(
        MILLISECONDS.rename(columns={"date": "timestamp"}).to_json(orient="records")
    )
    panel = sa.read_ohlcv(tmp_path)
    for pair in ("BTC/USDT", "ETH/USDT", "XRP/USDT"):
        assert panel.price[pair].tolist() == CANDLES["close"].tolist()


def test_bad_rows_are_counted_and_the_last_of_a_time_counts(tmp_path: Path) -> None:
    frame = pd.concat([CANDLES, CANDLES.iloc[[0]].assign(close=99.0)], ignore_index=True)
    frame.loc[1, "close"] = 0.0
    frame.loc[2, "close"] = np.nan
    write(tmp_path, "BTC_USDT-5m.csv", frame)
    panel = sa.read_ohlcv(tmp_path)
    assert panel.price["BTC/USDT"].iloc[0] == 99.0
    ingest = panel.metadata["ingest"]
    assert (
        ingest["rows_read"],
        ingest["rows_accepted"],
        ingest["rows_rejected"],
        ingest["duplicates"],
    ) == (7, 5, 2, 1)
    assert sa.quality_report(panel).assets.loc["BTC/USDT", "duplicates"] == 1.0


def test_the_running_candle_can_be_left_out(tmp_path: Path) -> None:
    write(tmp_path, "BTC_USDT-5m.json")
    assert sa.read_ohlcv(tmp_path, drop_last=True).price["BTC/USDT"].tolist() == [
        11.0,
        12.0,
        13.0,
        14.0,
        15.0,
    ]


def test_bad_folders_and_files(tmp_path: Path) -> None:
    with pytest.raises(sa.DataError, match="no such folder"):
        sa.read_ohlcv(tmp_path / "absent")
    with pytest.raises(sa.DataError, match="no candle file"):
        sa.read_ohlcv(tmp_path)
    bad = tmp_path / "BTC_USDT-5m.json"
    for text, message in (
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        ("[[1, 2, 3]]", "has 3 columns"),
        ('[{"date": 1, "price": 2}]', "needs a time"),
        ("[[1516838400000, 1, 1, 1, 0, 1]]", "no good candle"),
        ("[[1e40, 1, 1, 1, 1, 1]]", "no good candle"),
    ):
        bad.write_text(text)
        with pytest.raises(sa.DataError, match=message):
            sa.read_ohlcv(tmp_path)
    bad.write_bytes(b"\x1f\x8b broken")
    with pytest.raises(sa.DataError, match="cannot be read"):
        sa.read_ohlcv(tmp_path)
    bad.unlink()
    (tmp_path / "BTC_USDT-5m.feather").write_bytes(b"nonsense")
    with pytest.raises(sa.DataError, match="cannot be read"):
        sa.read_ohlcv(tmp_path)
    (tmp_path / "BTC_USDT-5m.feather").unlink()
    (tmp_path / "BTC_USDT-5m.csv").write_text("date,close\nsoon,1.0\nlater,2.0\n")
    with pytest.raises(sa.DataError, match="no time that can be read"):
        sa.read_ohlcv(tmp_path)


def test_bad_arguments(tmp_path: Path) -> None:
    write(tmp_path, "BTC_USDT-5m.json")
    for arguments, message in (
        ({"fields": ["vwap"]}, "fields"),
        ({"pairs": ["ETH/USDT"]}, "pairs"),
        ({"timeframe": "5"}, "timeframe"),
        ({"timeframe": "1M"}, "timeframe"),
        ({"numeraire": "ETH/USDT"}, "numeraire"),
    ):
        with pytest.raises(sa.ParameterError, match=message):
            sa.read_ohlcv(tmp_path, **arguments)
    write(tmp_path, "BTC_USDT-5m.csv")
    with pytest.raises(sa.DataError, match="two files for BTC/USDT"):
        sa.read_ohlcv(tmp_path)


@pytest.mark.parametrize("ending", [".json.gz", ".csv.gz"])
def test_a_damaged_archive_is_one_clear_error_wherever_the_damage_is(
    ending: str, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    opened = pd.date_range("2018-01-25", periods=400, freq="5min", tz="UTC")
    many = pd.DataFrame(
        {"date": opened, **{name: rng.uniform(1.0, 2.0, 400) for name in CANDLES.columns[1:]}}
    )
    path = write(tmp_path, f"BTC_USDT-5m{ending}", many)
    whole = path.read_bytes()
    # behind the header, which holds a name
    for place in range(64, len(whole) - 8, len(whole) // 60):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        with pytest.raises(sa.DataError, match="cannot be read as candles"):
            sa.read_ohlcv(tmp_path)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(sa.DataError, match="cannot be read as candles"):
        sa.read_ohlcv(tmp_path)
