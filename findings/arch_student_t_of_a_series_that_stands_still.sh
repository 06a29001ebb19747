#!/usr/bin/env bash
# arch: a Student-t GARCH of returns of which many are exactly zero "converges" at its bound.
#
# Guess:   a fit whose optimiser reports success describes the series: its unconditional volatility
#          is near the sample's, and degrees of freedom at the edge of what is allowed would be
#          flagged.
# Happens: the more returns are exactly zero (quotes with few digits, thin markets), the fatter the
#          tails that are estimated for normal data: nu is 5.6 at 20 %, 2.5 at 40 %. At 60 % the
#          estimate stops at arch's bound of nu = 2.05, convergence_flag is 0 and nothing warns; the
#          volatility read off the fit is 1.2 times the standard deviation of the data.
# Source:  arch.univariate.StudentsT.bounds (2.05, 500); documentation of ARCHModelResult,
#          convergence_flag.
# Matters: a table of volatilities over a universe is a mixture of good fits and of these, and only
#          the value of nu tells which. statarb gives such a series a status and a fallback.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "arch==8.0.0" "numpy==2.3.5" "pandas==2.3.3" "scipy==1.16.3"
"$work/venv/bin/python" -W error - <<'P'
import arch, numpy as np
from arch import arch_model

print("arch", arch.__version__)
rng = np.random.default_rng(0)
wrong = 0
for share in (0.2, 0.4, 0.6):
    returns = rng.standard_normal(2000)
    returns[rng.random(2000) < share] = 0.0
    fit = arch_model(returns, mean="Constant", vol="GARCH", dist="t").fit(disp="off", show_warning=True)
    level = float(np.sqrt(np.mean(fit.conditional_volatility**2)) / returns.std())
    print(f"{share:.0%} zeros: convergence_flag {fit.convergence_flag}, nu {fit.params['nu']:.3f}, "
          f"volatility over standard deviation {level:.2f}")
    wrong += fit.convergence_flag == 0 and fit.params["nu"] < 2.06
assert wrong >= 1, "arch no longer stops at its bound of nu without a word"
print(f"{wrong} of 3 fits stand at the bound and count as converged")
P
