#!/usr/bin/env bash
# statsmodels: the trace statistic of coint_johansen depends on the units of the series.
#
# Guess:   Johansen's trace statistic is invariant to the scale of each series (its eigenvalues are
#          canonical correlations), so prices in cents or in dollars give the same number.
# Happens: the eigenvalues come from inverses of badly scaled moment matrices. With unit ratios as
#          they occur between assets quoted at 1e-8 and at 1e4 digits are lost, and at larger ratios
#          the count of relations changes. Nothing warns.
# Source:  statsmodels.tsa.vector_ar.vecm.coint_johansen (inv of skk, no scaling beforehand);
#          Johansen (1995), Likelihood-Based Inference in Cointegrated VAR Models, ch. 6.
# Matters: levels (not logs) of assets with very different prices. statarb scales every series first.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "statsmodels==0.14.6" "numpy==2.3.5" "pandas==2.3.3" "scipy==1.16.3"
"$work/venv/bin/python" - <<'P'
import warnings

import numpy as np
import statsmodels
from statsmodels.tsa.vector_ar.vecm import coint_johansen

warnings.simplefilter("error")
print("statsmodels", statsmodels.__version__)
rng = np.random.default_rng(1)
common = np.cumsum(rng.standard_normal(500))
levels = np.column_stack([common, common + rng.standard_normal(500), np.cumsum(rng.standard_normal(500))])
right = coint_johansen(levels, 0, 1).lr1
print("same units:      ", right)
worst = 0.0
for ratio in (1e6, 1e12, 1e16):
    got = coint_johansen(levels * [1.0, ratio, 1.0 / ratio], 0, 1).lr1
    off = float(np.max(np.abs(got / right - 1.0)))
    worst = max(worst, off)
    print(f"ratio {ratio:.0e}:    ", got, f"off by up to {off:.1e}")
assert worst > 1e-6, "the statistic no longer depends on the units"
P
