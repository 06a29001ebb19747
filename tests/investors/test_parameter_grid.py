"""Grids of parameters: every combination, each under a name of its own, refused ones as investors
that say why.
"""

from __future__ import annotations

import itertools

import pytest

import statarb as sa
from statarb.forecasting.linear import CrossAssetRidge, ReducedRankRidge
from statarb.investors import (
    INVESTORS,
    LeadLag,
    Momentum,
    RefusedInvestor,
    Throttled,
    from_function,
    make_investor,
    parameter_grid,
)
from statarb.walk.checkpoint import content_key
from tests.conftest import make_panel


def test_every_combination_has_a_name_of_its_own():
    entries, caps = [0.002, 0.0025], [0.1, 0.2]
    points = parameter_grid("lead_lag", entry=entries, cap=caps)
    assert list(points) == [
        f"lead_lag(entry={entry}, cap={cap})" for entry, cap in itertools.product(entries, caps)
    ]
    assert [(one.entry, one.cap) for one in points.values()] == list(
        itertools.product(entries, caps)
    )
    assert all(isinstance(one, LeadLag) and one.exit == LeadLag().exit for one in points.values())


def test_the_investor_handed_in_keeps_its_other_parameters_and_is_not_changed():
    base = LeadLag(exit=0.001, cap=0.3)
    points = parameter_grid(base, cap=[0.1, 0.2])
    assert list(points) == ["lead_lag(exit=0.001, cap=0.1)", "lead_lag(exit=0.001, cap=0.2)"]
    assert [one.exit for one in points.values()] == [0.001, 0.001]
    assert base.cap == 0.3
    assert list(parameter_grid("cash")) == ["cash"]


def test_a_part_is_reached_through_two_underscores():
    points = parameter_grid(
        Throttled(make_investor("eg")), investor__eta=[0.01, 0.1], every=[1, 12]
    )
    assert [(one.investor.eta, one.every) for one in points.values()] == [
        (0.01, 1),
        (0.01, 12),
        (0.1, 1),
        (0.1, 12),
    ]
    assert len(set(points)) == 4
    both = parameter_grid(
        "lead_lag", forecaster=[ReducedRankRidge(), CrossAssetRidge()], forecaster__alpha=[0.1, 1.0]
    )
    assert [type(one.forecaster) for one in both.values()] == [
        ReducedRankRidge,
        ReducedRankRidge,
        CrossAssetRidge,
        CrossAssetRidge,
    ]
    assert [one.forecaster.alpha for one in both.values()] == [0.1, 1.0, 0.1, 1.0]


def test_points_share_no_part():
    one, two = parameter_grid("lead_lag", forecaster=[ReducedRankRidge()], cap=[0.1, 0.2]).values()
    assert one.forecaster is not two.forecaster


def test_objects_that_look_the_same_are_numbered():
    names = list(
        parameter_grid(
            from_function(lambda window: None, "mine"), function=[lambda w: {}, lambda w: None]
        )
    )
    assert names == ["mine(function=<lambda>#1)", "mine(function=<lambda>#2)"]


def test_neighbouring_values_keep_names_of_their_own():
    assert len(parameter_grid("lead_lag", entry=[0.00250001, 0.00250002])) == 2


def test_every_point_has_a_checkpoint_key_of_its_own():
    points = parameter_grid(
        "lead_lag", entry=[0.002, 0.003], cap=[0.1, 0.2], forecaster=[None, ReducedRankRidge()]
    )
    assert len({content_key({"investor": one}) for one in points.values()}) == 8


def test_what_the_investor_refuses_becomes_one_that_says_why():
    points = parameter_grid("moving_average_cross", fast=[12, 300], slow=[288])
    good, bad = points.values()
    assert good.fast == 12
    assert isinstance(bad, RefusedInvestor)
    assert bad.name == "moving_average_cross(fast=300, slow=288)"
    with pytest.raises(sa.ParameterError, match="slow"):
        bad.decide(make_panel(), None)


@pytest.mark.parametrize("name", sorted(INVESTORS))
def test_every_registered_investor_can_be_put_on_a_grid(name):
    base = make_investor(name)
    for parameter, value in base.get_params(deep=False).items():
        (point,) = parameter_grid(base, **{parameter: [value]}).values()
        assert type(point) is type(base)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: parameter_grid("lead_lag", band=[1]),
            "parameter of 'lead_lag' must be one of .*'entry', 'exit', .* got 'band'",
        ),
        (lambda: parameter_grid("lead_lag", enrty=[1]), r"did you mean 'entry'\?"),
        (lambda: parameter_grid("lead_lag", forecaster__alpha=[1]), "got 'forecaster__alpha'"),
        (
            lambda: parameter_grid("lead_lag", entry=0.1),
            r"the values of 'entry' must be a list, got 0.1; give \[0.1\]",
        ),
        (
            lambda: parameter_grid("moving_average_cross", average="simple"),
            "must be a list, got 'simple'",
        ),
        (lambda: parameter_grid("lead_lag", entry=[]), "at least one, got none"),
        (lambda: parameter_grid("lead_lag", entry=[0.1, 0.2, 0.1]), "must differ, got 0.1 twice"),
        (
            lambda: parameter_grid("lead_lag", entry=[-1, -2]),
            "every point of the grid of 'lead_lag' is refused, .* got -1",
        ),
        (lambda: parameter_grid("led_lag", entry=[1]), "did you mean 'lead_lag'"),
        (lambda: parameter_grid(object()), "needs an investor with get_params and set_params"),
        (lambda: parameter_grid(Momentum, top=[1]), "needs an investor"),
    ],
)
def test_bad_grids_are_named(call, words):
    with pytest.raises(sa.ParameterError, match=words):
        call()
