"""Figures of PyPortfolioOpt 1.6 and skfolio 1.12 where their problems coincide with ours.

Made by ``research/optimizer_references.py``, on the factor returns that ship with arch, with
Clarabel at 1e-12.
"""

from __future__ import annotations

import numpy as np
import pytest
from arch.data import frenchdata

import statarb as sa

PYPFOPT = {
    "least": [0.0559674913547499, 0.4751017568102874, 0.4689307518349626],
    "floor": [0.4505126854836324, 4.6484e-12, 0.5494873145117192],
    "utility": [0.2588223956724935, 0.1955429822134102, 0.5456346221140963],
}
SKFOLIO = {
    "least": [0.055967491387742326, 0.4751017569414542, 0.46893075167080356],
    "utility": [0.2586121377585269, 0.1958105382091338, 0.5455773240323392],
    "ratio": [0.2302734509030093, 0.23307814960442164, 0.5366483994925688],
}
TOLERANCE = 1e-5
"""Weights move with the root of the objective's tolerance, which is 1e-12 there."""


@pytest.fixture(scope="module")
def table():
    # the months come as numbers, 192607, which pandas takes for nanoseconds: they are left out
    return frenchdata.load()[["Mkt-RF", "SMB", "HML"]].reset_index(drop=True) / 100.0


def test_least_semivariance(table):
    solution = sa.MeanDownsideRisk(objective="min_risk", fee=0.0).solve(table.mean(), table)
    np.testing.assert_allclose(solution.array, PYPFOPT["least"], atol=TOLERANCE)
    np.testing.assert_allclose(solution.array, SKFOLIO["least"], atol=TOLERANCE)


def test_efficient_return(table):
    problem = sa.MeanDownsideRisk(
        objective="min_risk", fee=0.0, return_floor=0.005, min_invested=1.0
    )
    np.testing.assert_allclose(
        problem.solve(table.mean(), table).array, PYPFOPT["floor"], atol=TOLERANCE
    )


def test_utility(table):
    mu, rows = table.mean(), len(table)
    # PyPortfolioOpt halves its risk aversion; skfolio divides the sum of squares by T - 1
    ours = sa.MeanDownsideRisk(risk_aversion=8.0, fee=0.0, min_invested=1.0).solve(mu, table)
    np.testing.assert_allclose(ours.array, PYPFOPT["utility"], atol=TOLERANCE)
    ours = sa.MeanDownsideRisk(
        risk_aversion=8.0 * rows / (rows - 1), fee=0.0, min_invested=1.0
    ).solve(mu, table)
    np.testing.assert_allclose(ours.array, SKFOLIO["utility"], atol=TOLERANCE)


def test_ratio(table):
    solution = sa.MeanDownsideRisk(objective="ratio", fee=0.0).solve(table.mean(), table)
    np.testing.assert_allclose(solution.array, SKFOLIO["ratio"], atol=TOLERANCE)
