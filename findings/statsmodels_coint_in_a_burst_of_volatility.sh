#!/usr/bin/env bash
# statsmodels: coint of two independent random walks rejects far too often once volatility comes in
# a burst, and its p-values then say one in a million.
#
# Guess:   the Engle-Granger test is asymptotic, but with 2,000 rows its 1 % level is about 1 % for
#          independent random walks, whatever the variance of single steps; p below 1e-4 is proof.
# Happens: with steps eight times as large in a tenth of the rows, one in four is below .01 and one in
#          25 below .0001 (four hundred times too many). The same regression with White's standard
#          errors (cov_type="HC0") and the same table of p-values stays below its level.
# Source:  documentation of statsmodels.tsa.stattools.coint (residuals of constant variance are
#          assumed, not said); White (1980), Econometrica 48; Haldrup (1994), Statistical Papers 35.
# Matters: among all pairs of a universe the smallest p-values belong to such chance pairs, before
#          and after a false-discovery adjustment. statarb tests the pairs that it trades again.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "statsmodels==0.14.5" "numpy==2.3.5" "pandas==2.3.3" "scipy==1.16.3"
OMP_NUM_THREADS=1 "$work/venv/bin/python" - <<'P'
import numpy as np
import statsmodels
import statsmodels.api as sm
from statsmodels.tsa.adfvalues import mackinnonp
from statsmodels.tsa.stattools import coint

print("statsmodels", statsmodels.__version__)
rows, draws = 2016, 1000


def shares(burst: float) -> tuple[float, float, float]:
    rng = np.random.default_rng(0)
    size = np.ones(rows)
    size[rows // 3 : rows // 3 + rows // 10] = burst
    usual, robust = np.empty(draws), np.empty(draws)
    for draw in range(draws):
        y, x = np.cumsum(rng.standard_normal((2, rows)) * size, axis=1)
        usual[draw] = coint(y, x, maxlag=0, autolag=None)[1]
        left = sm.OLS(y, sm.add_constant(x)).fit().resid
        again = sm.OLS(np.diff(left), left[:-1]).fit(cov_type="HC0")
        robust[draw] = mackinnonp(again.tvalues[0], regression="c", N=2)
    return float((usual < 0.01).mean()), float((usual < 1e-4).mean()), float((robust < 0.01).mean())


even, burst = shares(1.0), shares(8.0)
for name, found in (("even volatility", even), ("a burst", burst)):
    print(f"{name}: p < .01 in {found[0]:.1%}, p < .0001 in {found[1]:.2%}; White's: {found[2]:.1%}")
assert even[0] < 0.02
assert burst[0] > 0.15 and burst[1] > 0.02, "coint no longer rejects too often in a burst"
assert burst[2] < 0.03
P
