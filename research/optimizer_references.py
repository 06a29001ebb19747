"""Figures of PyPortfolioOpt and skfolio that the tests of the optimizer compare with, printed as
Python.

The data are the monthly factor returns of French's library that ship with arch (market, size,
value), and cash-like bills, in parts of one. Needs the extra ``bench``: python
research/optimizer_references.py
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from arch.data import frenchdata

TIGHT = {"tol_gap_abs": 1e-12, "tol_gap_rel": 1e-12, "tol_feas": 1e-12}


def returns() -> pd.DataFrame:
    return frenchdata.load()[["Mkt-RF", "SMB", "HML"]].reset_index(drop=True) / 100.0


def main() -> None:
    from pypfopt import EfficientSemivariance
    from skfolio import RiskMeasure
    from skfolio.optimization import MeanRisk, ObjectiveFunction

    table = returns()
    mu = table.mean()

    def pypfopt() -> EfficientSemivariance:
        return EfficientSemivariance(
            mu, table, frequency=1, solver="CLARABEL", solver_options=TIGHT
        )

    model = pypfopt()
    model.min_semivariance()
    print("pypfopt least semivariance", np.array(model.weights).tolist())
    model = pypfopt()
    model.efficient_return(0.005)
    print("pypfopt floor of 0.005", np.array(model.weights).tolist())
    model = pypfopt()
    model.max_quadratic_utility(risk_aversion=16.0)
    print("pypfopt utility, delta 16", np.array(model.weights).tolist())
    for name, objective, options in (
        ("least risk", ObjectiveFunction.MINIMIZE_RISK, {}),
        ("utility, lambda 8", ObjectiveFunction.MAXIMIZE_UTILITY, {"risk_aversion": 8.0}),
        ("ratio", ObjectiveFunction.MAXIMIZE_RATIO, {}),
    ):
        measure = RiskMeasure.SEMI_DEVIATION if name == "ratio" else RiskMeasure.SEMI_VARIANCE
        model = MeanRisk(
            objective_function=objective,
            risk_measure=measure,
            min_acceptable_return=0.0,
            solver_params=TIGHT,
            **options,
        )
        print("skfolio", name, model.fit(table).weights_.tolist())


if __name__ == "__main__":
    main()
