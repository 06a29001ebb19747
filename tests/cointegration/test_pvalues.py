"""p-values and their adjustment against statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests
from statsmodels.tsa.adfvalues import mackinnonp

from statarb.cointegration import adjust_pvalues, mackinnon_pvalue
from statarb.errors import DataError, ParameterError


@pytest.mark.parametrize("trend", ["n", "c", "ct", "ctt"])
@pytest.mark.parametrize("variables", [1, 2, 6])
def test_the_surface_is_that_of_statsmodels(trend: str, variables: int) -> None:
    tau = np.concatenate([np.linspace(-40.0, 5.0, 901), [-np.inf, -2.62, 0.92]])
    expected = [mackinnonp(value, regression=trend, N=variables) for value in tau]
    np.testing.assert_allclose(
        mackinnon_pvalue(tau, trend=trend, variables=variables), expected, atol=1e-13
    )


def test_nan_stays_nan_and_shapes_are_kept() -> None:
    got = mackinnon_pvalue(np.array([[np.nan, -3.0], [-19.0, 1.0]]))
    assert got.shape == (2, 2)
    assert np.isnan(got[0, 0])
    assert got[1].tolist() == [0.0, 1.0]


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=40), st.sampled_from(["bh", "by"]))
def test_adjustment_is_that_of_statsmodels(pvalues: list[float], method: str) -> None:
    got = adjust_pvalues(np.array([*pvalues, np.nan]), method)  # type: ignore[arg-type]
    expected = multipletests(pvalues, method=f"fdr_{method}")[1]
    np.testing.assert_allclose(got[:-1], expected, rtol=1e-12, atol=1e-300)
    assert np.isnan(got[-1])


def test_without_a_method_nothing_changes() -> None:
    assert adjust_pvalues(np.array([0.3, 0.1]), None).tolist() == [0.3, 0.1]
    assert np.isnan(adjust_pvalues(np.full(3, np.nan))).all()


def test_bad_input_is_named() -> None:
    with pytest.raises(DataError, match=r"\[0, 1\]"):
        adjust_pvalues(np.array([0.1, 1.2]))
    with pytest.raises(DataError, match="one dimension"):
        adjust_pvalues(np.ones((2, 2)))
    with pytest.raises(ParameterError, match="fdr must be one of"):
        adjust_pvalues(np.array([0.1]), "holm")  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="variables"):
        mackinnon_pvalue(np.array([0.1]), variables=7)
