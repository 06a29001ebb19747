"""The kernels against short numpy references, on awkward input."""

from __future__ import annotations

import numpy as np
import pytest

from statarb.optimization._engine import newton, pricing, sliding
from statarb.optimization._engine.fast_solver import FastSolver
from statarb.optimization._engine.state import (
    AssetTerms,
    Candidates,
    Reference,
    ScenarioRows,
    Scratch,
    empty_scratch,
    empty_working_set,
)
from statarb.optimization.linear import best_linear
from statarb.optimization.program import Program


def data(seed: int, assets: int = 12, times: int = 30):
    rng = np.random.default_rng(seed)
    by_asset = rng.normal(0.0, 0.01, (assets, times))
    by_asset[3] = 0.0
    by_asset[5] = by_asset[4]
    return rng, by_asset, rng.uniform(0.0, 1.0, times) * (rng.random(times) < 0.9)


@pytest.mark.parametrize("shape", [(1, 1), (2, 70), (65, 33), (40, 1)])
def test_transpose_clean(shape):
    rng = np.random.default_rng(0)
    table = rng.normal(size=shape)
    table[rng.random(shape) < 0.2] = np.nan
    table[0, 0] = np.inf
    out, missing, smallest = np.empty(shape[::-1]), np.zeros(shape[1], np.int64), np.empty(shape[1])
    assert sliding.transpose_clean(table, out, missing, smallest) == 1
    np.testing.assert_array_equal(out, np.nan_to_num(table, nan=0.0, posinf=np.inf).T)
    np.testing.assert_array_equal(missing, np.isnan(table).sum(axis=0))
    finite = np.where(np.isfinite(table), table, np.inf)
    np.testing.assert_array_equal(smallest, finite.min(axis=0))


def test_combine():
    rng, by_asset, _ = data(1)
    weights = rng.normal(size=12) * (rng.random(12) < 0.5)
    np.testing.assert_allclose(pricing.combine(by_asset, weights), weights @ by_asset, atol=1e-16)
    assert not pricing.combine(by_asset, np.zeros(12)).any()


def test_cholesky_grows_and_shrinks():
    rng = np.random.default_rng(2)
    root = rng.normal(size=(9, 30))
    matrix, chol, kept = root @ root.T, np.zeros((9, 9)), []
    for step in range(60):
        if len(kept) < 2 or (len(kept) < 9 and rng.random() < 0.6):
            new = int(rng.choice([i for i in range(9) if i not in kept]))
            row = np.zeros(9)
            row[: len(kept)] = matrix[new, kept]
            newton._append(chol, len(kept), row, matrix[new, new])
            kept.append(new)
        else:
            gone = int(rng.integers(len(kept)))
            newton._delete(chol, len(kept), gone)
            kept.pop(gone)
        n = len(kept)
        lower = np.tril(chol[:n, :n])
        np.testing.assert_allclose(
            lower @ lower.T, matrix[np.ix_(kept, kept)], rtol=1e-9, atol=1e-9, err_msg=str(step)
        )
        rhs = rng.normal(size=n)
        solved = rhs.copy()
        newton._solve(chol, n, solved)
        np.testing.assert_allclose(matrix[np.ix_(kept, kept)] @ solved, rhs, atol=1e-8)


def test_curvature_follows_the_rows():
    rng, by_asset, p = data(3)
    k, working_set = 7, empty_working_set(12, 30, 9)
    working_set.returns[:, :k] = by_asset[:k].T
    hess, target = working_set.curvature, np.full(30, 0.001)
    y = np.zeros(30)
    for step in range(40):
        # few changes, many, and ties with the minimum acceptable return
        y = rng.normal(0.0, 0.01, 30) if step % 4 == 0 else np.where(rng.random(30) < 0.1, -y, y)
        y[0] = 0.001
        newton.update_curvature(k, working_set, p, y, target)
        now = y <= target
        np.testing.assert_array_equal(working_set.active, now)
        np.testing.assert_allclose(
            hess[:k, :k], (by_asset[:k] * (p * now)) @ by_asset[:k].T, atol=1e-15
        )
        np.testing.assert_array_equal(hess, hess.T)


def test_the_curvature_of_assets_that_join():
    rng = np.random.default_rng(8)
    returns, p, active = (
        rng.normal(0.0, 0.01, (33, 40)),
        rng.uniform(0.0, 1.0, 33),
        rng.random(33) < 0.5,
    )
    whole = (returns.T * (p * active)) @ returns
    for first in range(30):
        hess = np.full((40, 40), np.nan)
        newton.build_curvature(0, first, returns, p, active, hess)
        newton.build_curvature(first, first + 10, returns, p, active, hess)
        k = first + 10
        np.testing.assert_allclose(hess[:k, :k], whole[:k, :k], atol=1e-16)
        np.testing.assert_array_equal(hess[:k, :k], hess[:k, :k].T)
        assert np.isnan(hess[k:]).all()
        assert np.isnan(hess[:, k:]).all()


def terms_of(rng, k) -> AssetTerms:
    """Kinks inside, at and outside the bounds, and assets that cannot move."""
    low = rng.uniform(0.0, 0.1, k)
    high = low + rng.uniform(0.0, 0.3, k) * (rng.random(k) < 0.9)
    ref = rng.uniform(-0.05, 0.45, k)
    ref[0] = low[0]
    return AssetTerms(
        lower=low,
        upper=high,
        previous=ref,
        fee=np.full(k, 1e-3),
        budget=np.full(k, 1.0),
        budget_fee=np.full(k, 1e-3),
        expected_return=rng.normal(0, 3e-3, k),
    )


def reference_gap(g, x, terms: AssetTerms, multiplier):
    low, high, ref = terms.lower, terms.upper, terms.previous
    kink = terms.fee + max(multiplier, 0.0) * terms.budget_fee

    def theta(v):
        return (g + multiplier * terms.budget) * v + kink * np.abs(v - ref)

    return np.maximum(
        theta(x) - np.min([theta(low), theta(high), theta(np.clip(ref, low, high))], axis=0), 0.0
    )


def test_gap_of_assets():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        terms = terms_of(rng, 10)
        g, nu = rng.normal(0.0, 3e-3, 10), float(rng.uniform(-1e-3, 3e-3))
        x = np.where(rng.random(10) < 0.5, terms.lower, rng.uniform(terms.lower, terms.upper))
        assert newton._gap(10, g, x, terms, nu) == pytest.approx(
            reference_gap(g, x, terms, nu).sum(), abs=1e-16
        )


def test_pricing_finds_what_a_full_pass_finds():
    ways = set()
    for seed in range(60):
        rng = np.random.default_rng(seed)
        # more assets than are looked at one by one
        _, by_asset, p = data(seed, 260, 50)
        terms = terms_of(rng, 260)
        # most are not worth holding, by much or little, and are not held
        poor = rng.random(260) < 0.9
        terms.expected_return[:] -= poor * 10.0 ** rng.uniform(-3, -1, 260)
        x = np.where(poor | (rng.random(260) < 0.6), terms.lower, terms.upper)
        y, target = rng.normal(0.0, 0.01, 50), np.full(50, 0.001)
        u = p * np.minimum(y - target, 0.0)
        inside = rng.random(260) < 0.2
        norm = np.sqrt((by_asset**2).sum(axis=1))
        g = 2.0 * 30.0 * (by_asset @ u) - terms.expected_return
        single = (
            np.ascontiguousarray(by_asset.T, dtype=np.float32)
            if seed % 2
            else np.empty((0, 0), np.float32)
        )
        drift = np.array([-1.0 if seed % 3 == 0 else 0.0])
        # references far and near, so that every way through the screening is taken
        u0 = u * (1.0 + rng.normal(0.0, 10.0 ** rng.uniform(-6, 0), 50))
        g0, u0 = (by_asset @ u0, u0) if drift[0] == 0.0 else (np.zeros(260), np.zeros(50))
        before, found, gains = u0.copy(), np.empty(260, np.int64), np.empty(260)
        count, loss, risk = pricing.price_assets(
            ScenarioRows(by_asset, single, p, target), terms, Reference(u0, g0, drift), norm, norm,
            inside, x, y, 30.0, 1e-4, Candidates(found, gains), 1e-12,
        )  # fmt: skip
        gap = reference_gap(g, x, terms, 1e-4) * ~inside * (terms.lower < terms.upper)
        assert loss == pytest.approx(gap.sum(), rel=1e-9, abs=1e-15)
        assert set(found[:count]) == set(np.flatnonzero(gap > 1e-10))
        assert risk == pytest.approx(p @ np.minimum(y - target, 0.0) ** 2, rel=1e-13)
        # the reference stays what it says: products at u0, within the bound
        assert (np.abs(g0 - by_asset @ u0) <= drift[0] * norm + 1e-15).all()
        moved = u0 != before
        ways.add(
            "all of it"
            if drift[0] == 0.0 and moved.any()
            else "none"
            if not moved.any()
            else "some"
        )
        ways.add("every row" if (u0 == u).all() else "a part of the rows")
    assert ways == {"all of it", "none", "some", "every row", "a part of the rows"}


def test_step_and_gradient_at_its_end():
    for times in (1, 6, 31):
        rng = np.random.default_rng(times)
        k, returns, mu, dx = (
            5,
            rng.normal(0.0, 0.01, (times, 8)),
            rng.normal(0.0, 1e-3, 5),
            rng.normal(0.0, 0.1, 5),
        )
        p, y, target = (
            rng.uniform(0.0, 1.0, times),
            rng.normal(0.0, 0.01, times),
            np.full(times, 0.001),
        )
        dy, g = np.empty(times), np.empty(5)
        crossed, risk = newton._follow_step(k, 3.0, p, target, y, returns, mu, dx, dy, g)
        np.testing.assert_allclose(dy, returns[:, :k] @ dx, atol=1e-17)
        missed = np.minimum(y + returns[:, :k] @ dx - target, 0.0)
        np.testing.assert_allclose(g, 6.0 * (p * missed) @ returns[:, :k] - mu, atol=1e-16)
        assert risk == pytest.approx(3.0 * p @ missed**2, rel=1e-13)
        assert crossed == bool(((y <= target) != (y + dy <= target)).any())
        start = np.empty(5)
        which, u = np.empty(times, np.int64), np.empty(times)
        again = newton._gradient(k, 3.0, p, target, y + dy, returns, mu, start, which, u)
        assert again == pytest.approx(risk, rel=1e-13)
        np.testing.assert_allclose(start, g, atol=1e-16)


def test_shrinking_keeps_what_is_kept():
    _, by_asset, p = data(7)
    k, working_set = 6, empty_working_set(12, 30, 8)
    members, used, inside, returns, _, hess = working_set
    members[:], used[:] = np.arange(2, 10), np.arange(8)
    inside[members[:k]] = True
    returns[:, :k] = by_asset[members[:k]].T
    newton.build_curvature(0, k, returns, p, np.ones(30, np.bool_), hess)
    assert sliding.keep_members(np.array([0, 3, 5]), working_set, k) == 3
    kept = np.array([2, 5, 7])
    np.testing.assert_array_equal(members[:3], kept)
    np.testing.assert_array_equal(used[:3], [0, 3, 5])
    np.testing.assert_array_equal(np.flatnonzero(inside), kept)
    np.testing.assert_array_equal(returns[:, :3], by_asset[kept].T)
    np.testing.assert_allclose(hess[:3, :3], (by_asset[kept] * p) @ by_asset[kept].T, atol=1e-15)


def test_the_quadratic_step_satisfies_its_conditions():
    for seed in range(60):
        rng = np.random.default_rng(seed)
        k = int(rng.integers(1, 9))
        terms = terms_of(rng, k)
        root = rng.normal(0.0, 0.01, (k, 4 if seed % 3 == 0 else 30))
        hess = root @ root.T
        low, high, ref = terms.lower, terms.upper, terms.previous
        x = np.clip(np.where(rng.random(k) < 0.5, ref, rng.uniform(low, high)), low, high)
        used = float((terms.budget * x + terms.budget_fee * np.abs(x - ref)).sum())
        slack = float(rng.choice([0.0, 0.05]))
        start, g = x.copy(), rng.normal(0.0, 3e-3, k)
        scratch: Scratch = empty_scratch(k)._replace(
            terms=terms, model_weight=x, model_gradient=g.copy()
        )
        q = scratch.model_gradient
        nu, _ = newton.quadratic(k, 50.0, hess, scratch, slack, False, 1e-14)
        now = float((terms.budget * x + terms.budget_fee * np.abs(x - ref)).sum())
        assert now <= used + slack + 1e-12
        assert ((x >= low) & (x <= high)).all()
        # with a ridge of 1e-9 the gradient at the end is that of the step without it, nearly
        np.testing.assert_allclose(q, g + 50.0 * hess @ (x - start), atol=1e-9)
        assert nu >= 0.0
        assert reference_gap(q, x, terms, nu).sum() + nu * (used + slack - now) <= 1e-10


def test_slides_leave_the_state_of_a_fresh_solver():
    rng, by_asset, _ = data(4)
    solver = FastSolver(np.ascontiguousarray(by_asset), np.ones(30), single=True)
    program = Program(
        rng.normal(0.0, 0.002, 12),
        solver.scenarios_by_asset,
        np.full(30, 1 / 30),
        np.zeros(12),
        np.zeros(12),
        np.ones(12),
        60.0,
        1e-4,
    )
    solver.solve(program)
    for slot in [*range(30), 4, 9]:
        solver.slide(slot, rng.normal(0.0, 0.01, 12), float(rng.uniform(0.5, 2.0)))
    k, state, reference = solver._size, solver._working_set, solver._reference
    members, by_asset = state.members[:k], solver.scenarios_by_asset
    np.testing.assert_array_equal(state.returns[:, :k], by_asset[members].T)
    np.testing.assert_array_equal(solver._scenarios.by_row, by_asset.T.astype(np.float32))
    np.testing.assert_allclose(solver.squares, (by_asset**2).sum(axis=1), atol=1e-15)
    # single precision moves the reference; what it is off by is bounded
    off = np.abs(reference.product - by_asset @ reference.slope)
    assert (off <= reference.drift[0] * np.sqrt(solver.max_squares) + 1e-15).all()
    assert not state.active.any()
    np.testing.assert_allclose(state.curvature[:k, :k], 0.0, atol=1e-15)


def test_filling_by_worth_against_linear_programming():
    import scipy.optimize

    for seed in range(60):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(1, 8))
        held = rng.dirichlet(np.ones(n + 1))[:-1]
        lower = np.maximum(held - rng.uniform(0.0, 0.3), 0.0)
        upper = np.minimum(held + rng.uniform(0.0, 0.6), 1.0)
        fee, paid, gain = (
            float(rng.choice([0.0, 0.002])),
            bool(rng.random() < 0.5),
            rng.normal(0.0, 0.003, n),
        )
        invested = (
            0.0
            if paid or rng.random() < 0.5
            else float(min(1.0, rng.uniform(lower.sum(), upper.sum())))
        )
        program = Program(
            gain,
            np.zeros((n, 2)),
            np.array([0.5, 0.5]),
            held,
            lower,
            upper,
            0.0,
            fee,
            min_invested=invested,
            fee_in_budget=paid,
        )
        weights, _ = best_linear(program, gain)
        # variables: kept and bought
        kept = np.minimum(held, upper)
        objective = -np.concatenate([gain + fee, gain - fee])
        least = lower.sum() if not paid else 0.0
        budget = np.concatenate([np.full(n, 1.0 - program.paid), np.full(n, 1.0 + program.paid)])
        solved = scipy.optimize.linprog(
            objective,
            A_ub=np.array([budget, -np.ones(2 * n)]),
            b_ub=[1.0 - program.paid * held.sum(), -max(invested, least)],
            bounds=[*zip(lower, kept, strict=True), *zip(np.zeros(n), upper - kept, strict=True)],
        )
        assert program.infeasibility(weights) <= 1e-12
        assert program.net_return(weights) == pytest.approx(
            -solved.fun - fee * held.sum(), abs=1e-12
        )
