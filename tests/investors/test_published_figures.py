"""The learners on NYSE(O), 36 stocks from 1962 to 1984: the figures of the papers.

The data set (Cover 1991; Helmbold et al. 1998) is not part of the project. ``STATARB_NYSE_O`` names
a CSV file of it as the packages of the field distribute it: a header, 5651 rows, 36 columns of
wealth from 1, Iroquois in column T and Kin-Ark in W.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from investor_markets import growth, panel_of

from statarb.investors import (
    CWMR,
    OLMAR,
    PAMR,
    Anticor,
    BestConstantRebalanced,
    ExponentiatedGradient,
    OnlineNewtonStep,
    Rebalanced,
)

# Where tools/fetch_nyse.py, a step of `make test`, puts the file, or the reason why it cannot.
FETCHED = Path(__file__).resolve().parents[2] / "data" / "external" / "nyse_o.csv"


@pytest.fixture(scope="module")
def wealth() -> pd.DataFrame:
    path = Path(os.environ.get("STATARB_NYSE_O") or FETCHED)
    if not path.is_file():
        why = path.with_name(path.name + ".absent.txt")
        reason = why.read_text(encoding="utf-8").strip() if why.is_file() else "not fetched"
        pytest.skip(f"no file {path.name} of NYSE(O): {reason}; run python tools/fetch_nyse.py")
    return pd.read_csv(path)


@pytest.mark.parametrize(
    ("investor", "published"),
    [
        # Li and Hoi (2014), On-line portfolio selection: a survey, and the papers of the learners;
        # each to the digits printed.
        (Rebalanced(), "27.08"),
        (ExponentiatedGradient(), "27.09"),
        (BestConstantRebalanced(), "250.60"),
        (OnlineNewtonStep(), "109.19"),
        (OLMAR(average="exponential"), "1.02e+18"),
        (PAMR(), "5.14e+15"),
        (PAMR(variant=2), "4.88e+15"),
        (CWMR(), "6.49e+15"),
        (CWMR(variant="variance"), "6.51e+15"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_wealth_on_nyse_is_that_of_the_papers(
    wealth: pd.DataFrame, investor, published: str
) -> None:
    panel = panel_of(np.vstack([np.ones(36), wealth.to_numpy()]))
    found = growth(investor, panel)
    assert (f"{found:.2e}" if "e" in published else f"{found:.2f}") == published


def test_iroquois_and_kin_ark(wealth: pd.DataFrame) -> None:
    # Cover (1991), table 8.1: 73.70 for the best rebalanced portfolio, 38.67 for the universal one
    # over b = 0, 0.05, ..., 1.
    pair = np.vstack([np.ones(2), wealth[["T", "W"]].to_numpy()])
    assert f"{growth(BestConstantRebalanced(), panel_of(pair)):.2f}" == "73.70"
    share = np.linspace(0.0, 1.0, 21)
    relatives = pair[1:] / pair[:-1]
    assert f"{np.prod(relatives @ np.vstack([share, 1.0 - share]), axis=0).mean():.2f}" == "38.67"


def test_anticor_is_that_of_the_paper(wealth: pd.DataFrame) -> None:
    # Borodin, El-Yaniv, Gogan (2004), table 1: 617,754.75 with windows of 30 days. What they print
    # and this differ in the seventh digit after 5651 days of products.
    panel = panel_of(np.vstack([np.ones(36), wealth.to_numpy()]))
    assert growth(Anticor(window=30), panel) == pytest.approx(617_754.75, rel=1e-6)
