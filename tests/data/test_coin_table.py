"""Coin table: both headers, footer, and what is refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

import statarb as sa


def write(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "text",
    [
        "Id,name,Name,Date,Tag\n1443,ethereum,Ethereum,2018-01-15 "
        "20:40:27.557,ETH\n1442,bitcoin,Bitcoin,x,BTC\n",
        "ID, coinName, descirption, rowCreation, Symbol\n1442,bitcoin,Bitcoin,x,BTC\n"
        "1443,ethereum,Ethereum,x,ETH\n\n(2 rows affected)\n",
        "\ufeff,Id,name,Name,Date,Tag\r\n0,1442,bitcoin,Bitcoin,x,BTC\r\n"
        "1,1443,ethereum,Ethereum,x,ETH\r\n\r\n(1687 rows affected)",
        'Symbol,rowCreation,description,coinName,ID\n"BTC",x,"Bitcoin",bitcoin,1442.0\nETH,x,Ethereum,ethereum,1443',
    ],
)
def test_headers_and_footer(text: str, tmp_path: Path) -> None:
    table = sa.read_coins(write(tmp_path / "CSVData_coin.csv", text))
    assert table.index.tolist() == [1442, 1443]
    assert table["symbol"].tolist() == ["BTC", "ETH"]
    assert table["name"].tolist() == ["Bitcoin", "Ethereum"]


def test_names_with_commas_quotes_and_gaps(tmp_path: Path) -> None:
    text = 'Id,name,Name,Date,Tag\n1,a,"Coin, ""the"" one",x,ONE\n2,b,,x,TWO\n3,c,Three,x,\n'
    path = tmp_path / "c.csv.gz"
    path.write_bytes(gzip.compress(text.encode()))
    table = sa.read_coins(path)
    assert table["name"].tolist() == ['Coin, "the" one', "TWO", "Three"]
    assert table["symbol"].tolist() == ["ONE", "TWO", "Three"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("a,b\n1,2\n", "unknown header 'a,b'; accepted are the headers"),
        ("Id,name,Name,Date,Tag\n\n(0 rows affected)\n", "holds a header and no coin"),
        ("Id,name,Name,Date,Tag\n1,a,A,x,A\nx,b,B,x,B\n", "line 3: not a coin: 'x,b,B,x,B'"),
        ("Id,name,Name,Date,Tag\n1,a,A,x\n", "line 2: not a coin"),
        ("Id,name,Name,Date,Tag\n-1,a,A,x,A\n", "line 2: not a coin"),
        ("Id,name,Name,Date,Tag\n1,a,A,x,A\n\n1,b,B,x,B\n", "line 4: coin id 1 stands twice"),
    ],
)
def test_tables_that_are_refused(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(sa.DataError, match=words):
        sa.read_coins(write(tmp_path / "c.csv", text))


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(sa.DataError, match="no such file"):
        sa.read_coins(tmp_path / "none.csv")


def test_the_real_table(case_data: tuple[Path, Path]) -> None:
    table = sa.read_coins(case_data[1])
    assert len(table) == 1687
    assert table.loc[1451].tolist() == ["MIOTA", "Iota"]
    assert table.index.is_monotonic_increasing
