"""Speed and memory of the optimizer, cold and warm, beside cvxpy's solvers and three libraries,
after answers were compared.

OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python research/benchmarks/optimizer.py [--assets 1678]
[--rows 2016] [--bars 200]
    [--limit 300] [--peers clarabel,scs,skfolio,pypfopt,riskfolio] [--parts
    regimes,memory,fista,peers] [--regimes 0,1,...]

Times are processor seconds of one thread, ours and theirs: on a shared machine they can be
compared, on a quiet one they are the seconds of the wall. Peers run in processes of their own. One
that does not end within the limit is run again at half the size, and so on; the table says at which
size it ended.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import platform
import resource
import subprocess
import sys
import time
from importlib.metadata import version

import numpy as np
import pandas as pd

from statarb.optimization import (
    MeanDownsideRisk,
    RollingMeanDownsideRisk,
    certify_ratio,
    certify_utility,
)
from statarb.optimization.program import Program

FEE_FREE_LAMBDA = 1000.0


@dataclasses.dataclass(frozen=True)
class Regime:
    """Fee, lambda and signal of 200 bars."""

    name: str
    objective: str
    risk_aversion: float
    fee: float
    signal: float
    memory: float
    max_weight: float | None = None
    wanted_ms: float = 1.0


REGIMES = (
    Regime("case fee, weak signal", "utility", 10.0, 0.0025, 0.002, 0.9),
    Regime("case fee, strong signal", "utility", 100.0, 0.0025, 0.004, 0.9),
    Regime("case fee, caps of 1 %", "utility", 50.0, 0.0025, 0.002, 0.95, 0.01, 5.0),
    Regime("case fee, cautious", "utility", 12_000.0, 0.0025, 0.003, 0.97, None, 5.0),
    Regime("low fee", "utility", 1_000.0, 0.0005, 0.001, 0.95, None, 5.0),
    Regime("no fee, about 110 held", "utility", 2_500.0, 0.0, 0.001, 0.97, None, 5.0),
    Regime("ratio", "ratio", 1.0, 0.0, 0.001, 0.97, None, 30.0),
)

clock = time.process_time


def peak_mb() -> float:
    """Peak resident memory of this process alone (ru_maxrss would remember its parent's)."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024


def market(rows: int, assets: int, seed: int = 0) -> np.ndarray:
    """Simple returns with one factor, fat tails, and 45 % of assets that mostly stand still."""
    rng = np.random.default_rng(seed)
    factor = rng.standard_t(4, rows) * 0.004
    returns = factor[:, None] * rng.uniform(0.3, 1.5, assets)
    returns += rng.standard_t(3, (rows, assets)) * rng.uniform(0.003, 0.02, assets)
    stale = rng.random(assets) < 0.45
    returns[:, stale] *= rng.random((rows, int(stale.sum()))) < 0.1
    return np.clip(returns, -0.9, None)


def signals(bars: int, assets: int, regime: Regime, seed: int = 1) -> np.ndarray:
    """Expected returns that follow an autoregression, bar by bar."""
    rng = np.random.default_rng(seed)
    found = np.empty((bars, assets))
    found[0] = rng.normal(0.0, regime.signal, assets)
    for bar in range(1, bars):
        fresh = rng.normal(0.0, regime.signal, assets)
        found[bar] = regime.memory * found[bar - 1] + np.sqrt(1.0 - regime.memory**2) * fresh
    return found


def problem_of(regime: Regime) -> MeanDownsideRisk:
    return MeanDownsideRisk(
        risk_aversion=regime.risk_aversion,
        fee=regime.fee,
        objective=regime.objective,
        max_weight=regime.max_weight,
    )


# -- this library ----------------------------------------------------------------------------------


def parity(assets: int = 160, rows: int = 300) -> float:
    """Largest relative amount by which tightened Clarabel's objective is better, over all regimes,
    at a small size.
    """
    returns, worst = market(rows, assets), 0.0
    tight = {"tol_gap_abs": 1e-11, "tol_gap_rel": 1e-11, "tol_feas": 1e-11, "max_iter": 500}
    for regime in REGIMES:
        mu = signals(1, assets, regime)[0]
        caps = None if regime.max_weight is None else 0.1
        problem = problem_of(dataclasses.replace(regime, max_weight=caps))
        mine, theirs = (
            problem.solve(mu, returns),
            problem.solve(mu, returns, solver="CLARABEL", **tight),
        )
        better = (theirs.objective - mine.objective) / max(
            abs(mine.objective), mine.risk * problem.risk_aversion
        )
        # interior points stop short of a vertex: being far below ours would be as suspicious as
        # being above
        if not -1e-5 < better < 1e-9:
            raise SystemExit(
                f"no timing: in the regime {regime.name!r} Clarabel's objective is better by "
                f"{better:.1e}"
            )
        worst = max(worst, better)
    return worst


def cold(problem: MeanDownsideRisk, returns: np.ndarray, mu: np.ndarray, repeats: int = 7) -> float:
    """Median seconds of a solve that starts from a table of returns: checks, layout, solution,
    certificate.
    """
    took = []
    problem.solve(mu, returns)
    for _ in range(repeats):
        began = clock()
        problem.solve(mu, returns)
        took.append(clock() - began)
    return float(np.median(took))


def drifted(weights: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Weights after a step of the market, cash earning nothing."""
    grown = weights * (1.0 + row)
    return grown / (1.0 - weights.sum() + grown.sum())


def warm(regime: Regime, returns: np.ndarray, rows: int, bars: int) -> dict[str, object]:
    """Walk over the bars; every answer is certified once more from the window alone, outside the
    clock.
    """
    problem = problem_of(regime)
    assets = returns.shape[1]
    mu = signals(bars + 1, assets, regime)
    rolling = RollingMeanDownsideRisk(problem, returns[:rows])
    held, took, counts, gaps = np.zeros(assets), [], [], []
    held = rolling.solve(mu[0], held).array
    for bar in range(bars):
        row = returns[rows + bar]
        held = drifted(held, row)
        began = clock()
        solution = rolling.update(row, mu[bar + 1], held)
        took.append(clock() - began)
        window: Program = (
            problem.program(mu[bar + 1], returns[bar + 1 : rows + bar + 1], held)
            if bar % 10 == 0
            else None
        )
        if window is not None:
            certify = certify_ratio if regime.objective == "ratio" else certify_utility
            checked = certify(window, solution.array)
            # a ratio's plain bound can be loose; the solver's own, which knows the least deviation,
            # is as rigorous
            gaps.append(
                min(checked.gap, solution.gap) if regime.objective == "ratio" else checked.gap
            )
        gaps.append(solution.gap)
        held = solution.array
        counts.append(int((held > 0).sum()))
    ms = 1e3 * np.array(took)
    return {
        "regime": regime.name,
        "held": float(np.mean(counts)),
        "cold ms": 1e3 * cold(problem, returns[:rows], mu[0]),
        "warm median ms": float(np.median(ms)),
        "wanted": f"<= {regime.wanted_ms:g}: "
        + ("met" if np.median(ms) <= regime.wanted_ms else "missed"),
        "p95 ms": float(np.percentile(ms, 95)),
        "max ms": float(ms.max()),
        "largest gap": float(np.max(gaps)),
    }


def memory(regime: Regime, rows: int, assets: int) -> dict[str, float]:
    """Peak resident memory of a process that does nothing but a cold solve and 20 warm bars, data
    included.
    """
    returns = market(rows + 20, assets)
    before = peak_mb()
    mu = signals(21, assets, regime)
    problem = problem_of(regime)
    rolling = RollingMeanDownsideRisk(problem, returns[:rows])
    held = rolling.solve(mu[0]).array
    for bar in range(20):
        held = drifted(held, returns[rows + bar])
        held = rolling.update(returns[rows + bar], mu[bar + 1], held).array
    return {"data and imports MB": before, "peak MB": peak_mb()}


# -- FISTA, warm -----------------------------------------------------------------------------------


def projected(point: np.ndarray, held: np.ndarray, shrink: float) -> np.ndarray:
    """Exact proximal step of the fee over the simplex with cash: bisection on the budget's
    price.
    """

    def at(price: float) -> np.ndarray:
        moved = point - price
        return np.maximum(
            np.where(
                moved > held + shrink,
                moved - shrink,
                np.where(moved < held - shrink, moved + shrink, held),
            ),
            0.0,
        )

    if at(0.0).sum() <= 1.0:
        return at(0.0)
    low, high = 0.0, float(point.max() + shrink)
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if at(middle).sum() > 1.0 else (low, middle)
    return at(high)


def fista(
    regime: Regime, returns: np.ndarray, rows: int, bars: int, goal: float = 1e-6, most: int = 3000
) -> dict[str, object]:
    """Accelerated proximal gradient (Beck & Teboulle 2009), restarted, warm from the last solution;
    float64.
    """
    assets = returns.shape[1]
    mu = signals(bars + 1, assets, regime)
    held = np.zeros(assets)
    took, gaps = [], []
    largest = None
    for bar in range(bars):
        window = returns[bar + 1 : rows + bar + 1]
        if largest is None:
            vector = np.ones(assets)
            for _ in range(30):
                vector = window.T @ (window @ vector)
                vector /= np.linalg.norm(vector)
            largest = (
                1.05
                * 2.0
                * regime.risk_aversion
                / rows
                * float(vector @ (window.T @ (window @ vector)))
            )
        program = problem_of(regime).program(mu[bar + 1], window, held)
        began = clock()
        x, z, momentum, gap = held.copy(), held.copy(), 1.0, np.inf
        for turn in range(most):
            slope = (
                2.0 * regime.risk_aversion / rows * (window.T @ np.minimum(window @ z, 0.0))
                - mu[bar + 1]
            )
            fresh = projected(z - slope / largest, held, regime.fee / largest)
            follow = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * momentum**2))
            if (z - fresh) @ (fresh - x) > 0.0:
                follow, z = 1.0, fresh
            else:
                z = fresh + (momentum - 1.0) / follow * (fresh - x)
            x, momentum = fresh, follow
            if turn % 50 == 49:
                gap = certify_utility(program, x).gap
                if gap <= goal:
                    break
        took.append(clock() - began)
        gaps.append(gap)
        held = drifted(x, returns[rows + bar])
    return {
        "peer": "FISTA, warm",
        "median s": float(np.median(took)),
        "gap reached": float(np.max(gaps)),
        "bars": bars,
    }


# -- peers -----------------------------------------------------------------------------------------


def run_peer(name: str, rows: int, assets: int) -> dict[str, object]:
    """Solve one mean-semivariance problem, as near to the regime "no fee" as the peer can state
    it.
    """
    returns = market(rows, assets)
    mu = signals(1, assets, REGIMES[5])[0]
    lam = FEE_FREE_LAMBDA
    problem = MeanDownsideRisk(risk_aversion=lam, fee=0.0, invested=1.0)
    frame = pd.DataFrame(returns, columns=[f"a{j}" for j in range(assets)])
    program = problem.program(mu, returns)
    began = clock()
    if name in ("clarabel", "scs"):
        options = {} if name == "clarabel" else {"eps": 1e-7, "max_iters": 100_000}
        weights = problem.solve(mu, returns, solver=name.upper(), **options).array
    elif name == "skfolio":
        from skfolio import RiskMeasure
        from skfolio.optimization import MeanRisk, ObjectiveFunction
        from skfolio.prior import BasePrior, ReturnDistribution

        class Given(BasePrior):
            """Expected returns as given."""

            def __init__(self):
                pass

            def fit(self, X, y=None, **fit_params):
                self.return_distribution_ = ReturnDistribution(
                    mu=mu, covariance=np.eye(assets), returns=np.asarray(X)
                )
                return self

        model = MeanRisk(
            objective_function=ObjectiveFunction.MAXIMIZE_UTILITY,
            risk_measure=RiskMeasure.SEMI_VARIANCE, risk_aversion=lam,
            prior_estimator=Given(), min_acceptable_return=0.0,
        )  # fmt: skip
        weights = np.asarray(model.fit(frame).weights_)
    elif name == "pypfopt":
        from pypfopt import EfficientSemivariance

        # its utility is mu'w - delta / 2 * frequency * semivariance
        model = EfficientSemivariance(
            pd.Series(mu, frame.columns), frame, frequency=1, solver="CLARABEL"
        )
        model.max_quadratic_utility(risk_aversion=2.0 * lam)
        weights = np.asarray(model.weights)
    elif name == "riskfolio":
        import riskfolio

        model = riskfolio.Portfolio(returns=frame)
        model.mu, model.cov = pd.DataFrame([mu], columns=frame.columns), frame.cov()
        model.solvers = ["CLARABEL"]
        # the least semi-deviation around the portfolio's own mean: a related problem, not this one
        found = model.optimization(model="Classic", rm="MSV", obj="MinRisk", rf=0, l=0, hist=True)
        weights = np.zeros(assets) if found is None else found.to_numpy().ravel()
    else:
        raise SystemExit(f"no such peer: {name}")
    seconds = clock() - began
    weights = np.maximum(weights, 0.0)
    peak = peak_mb()
    mine = problem.solve(mu, returns)
    ours = cold(problem, returns, mu)
    utility = program.utility(weights / max(float(weights.sum()), 1e-300))
    return {
        "peer": name,
        "size": f"{assets} x {rows}",
        "seconds": seconds,
        "peak MB": peak,
        "utility below ours": float("nan")
        if name == "riskfolio"
        else (mine.objective - utility) / max(abs(mine.objective), lam * mine.risk),
        "ours cold s": ours,
    }


def peer(name: str, rows: int, assets: int, limit: float) -> dict[str, object]:
    """Run a peer in a process of its own, at smaller and smaller sizes until it ends within the
    limit.
    """
    failed = ""
    while assets >= 50:
        command = [
            sys.executable,
            __file__,
            "--peer",
            name,
            "--rows",
            str(rows),
            "--assets",
            str(assets),
        ]
        # ten seconds for imports, the data, and our own solution
        most = int(limit) + 10
        done = subprocess.run(
            command, capture_output=True, text=True, check=False,
            preexec_fn=lambda most=most: resource.setrlimit(resource.RLIMIT_CPU, (most, most)),
        )  # fmt: skip
        if done.returncode == 0:
            return {**json.loads(done.stdout.splitlines()[-1]), "note": failed}
        if done.returncode < 0:
            failed += f"not within {limit:.0f} s at {assets} x {rows}; "
        else:
            failed += f"failed at {assets} x {rows}: {done.stderr.strip().splitlines()[-1][:80]}; "
        rows, assets = rows // 2, assets // 2
    return {"peer": name, "size": "none", "seconds": float("nan"), "note": failed}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--assets", type=int, default=1678)
    options.add_argument("--rows", type=int, default=2016)
    options.add_argument("--bars", type=int, default=200)
    options.add_argument("--limit", type=float, default=300.0)
    options.add_argument("--peers", default="clarabel,scs,skfolio,pypfopt,riskfolio")
    options.add_argument("--parts", default="regimes,memory,fista,peers")
    options.add_argument("--regimes", default=",".join(map(str, range(len(REGIMES)))))
    options.add_argument("--peer", default=None, help=argparse.SUPPRESS)
    options.add_argument("--memory", action="store_true", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.peer:
        print(json.dumps(run_peer(chosen.peer, chosen.rows, chosen.assets)))
        return
    if chosen.memory:
        print(json.dumps(memory(REGIMES[5], chosen.rows, chosen.assets)))
        return
    pd.set_option("display.width", 200, "display.max_columns", 20)
    print(
        platform.platform(),
        platform.python_version(),
        *(f"{name} {version(name)}" for name in ("numpy", "numba", "cvxpy")),
    )
    print(
        f"parity at 160 x 300: Clarabel, tightened, is better by at most {parity():.1e}", flush=True
    )
    parts = chosen.parts.split(",")
    returns = market(chosen.rows + chosen.bars, chosen.assets)
    if "regimes" in parts:
        regimes = [REGIMES[int(number)] for number in chosen.regimes.split(",")]
        table = pd.DataFrame(
            [warm(regime, returns, chosen.rows, chosen.bars) for regime in regimes]
        )
        print(table.to_string(index=False, float_format=lambda x: f"{x:.3g}"), flush=True)
    if "memory" in parts:
        alone = subprocess.run(
            [sys.executable, __file__, "--memory", "--rows", str(chosen.rows), "--assets",
            str(chosen.assets)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        print("memory (at most 400 MB wanted):", alone.stdout.strip(), flush=True)
    if "fista" in parts:
        print(fista(REGIMES[0], returns, chosen.rows, 10), flush=True)
        print(fista(REGIMES[5], returns, chosen.rows, 3), flush=True)
    if "peers" not in parts:
        return
    found = []
    for name in chosen.peers.split(","):
        found.append(peer(name, chosen.rows, chosen.assets, chosen.limit))
        print(found[-1], flush=True)
    frame = pd.DataFrame(found)
    frame["times ours, cold"] = frame["seconds"] / frame["ours cold s"]
    print(frame.to_string(index=False, float_format=lambda x: f"{x:.3g}"))


if __name__ == "__main__":
    main()
