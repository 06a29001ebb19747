"""Every forecaster, imputer and investor of the library, found by itself, keeps its contract and
looks at nothing ahead.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

import statarb as sa
from statarb.data.imputation import IMPUTERS, Imputer
from statarb.errors import ParameterError
from statarb.forecasting.base import BaseForecaster, forecaster_names, make_forecaster
from statarb.investors.base import INVESTORS, BaseInvestor, make_investor
from statarb.testing import check_forecaster, check_imputer, check_investor, example_market

MARKET = example_market()
UPPER_FLOORS = {"__main__", "cli", "pipelines", "report", "results"}
SMALL = example_market(times=400, assets=4)
QUICK: dict[str, Any] = {"cuts": 2}
SLOW: dict[str, Any] = {"cuts": 1, "panel": SMALL, "depth": 270, "start": SMALL.times[275]}
LONG = ("arima", "ensemble", "mlp", "stat_arb", "autonomous")
"""Those that take seconds to fit: they get one random time on a smaller market."""


def half_of_the_quoted(window: sa.Panel) -> pd.Series:
    quoted = window.price.iloc[-1].notna()
    return 0.5 * quoted / max(quoted.sum(), 1)


class InverseVariance:
    """The least that looks like a portfolio estimator."""

    def fit(self, returns: pd.DataFrame) -> InverseVariance:
        inverse = 1.0 / returns.to_numpy().var(axis=0)
        self.weights_ = inverse / inverse.sum()
        return self


def classes(base: type) -> list[type]:
    """Public classes of the library that derive from ``base`` and define an answer, wherever they
    live.
    """
    found = set()
    for module in pkgutil.walk_packages(sa.__path__, "statarb."):
        if "._" in module.name or module.name.split(".")[1] in UPPER_FLOORS:
            continue
        for _, one in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if (
                issubclass(one, base)
                and one is not base
                and not one.__name__.startswith("_")
                and not inspect.isabstract(one)
            ):
                found.add(one)
    return sorted(filter(_is_leaf, found), key=lambda one: f"{one.__module__}.{one.__qualname__}")


def subjects(base: type, names: list[str], make: Any) -> list[Any]:
    """What the registry makes of its names, and beside it classes that are in no registry."""
    registered = {type(make(name)) for name in names}
    return [pytest.param(functools.partial(make, name), id=name) for name in names] + [
        pytest.param(functools.partial(_made, one), id=one.__name__)
        for one in classes(base)
        if one not in registered
    ]


def _made(one: type) -> Any:
    """Make an object of a class; one that works on others is given some. A class that needs
    anything else fails here.
    """
    inner = {
        "forecaster": lambda: make_forecaster("ridge"),
        "forecasters": lambda: [make_forecaster("ridge"), make_forecaster("last_value")],
        "investor": lambda: make_investor("momentum"),
        "investors": lambda: [make_investor("momentum"), make_investor("equal_weight_hold")],
        "function": lambda: half_of_the_quoted,
        "estimator": InverseVariance,
        "label": lambda: "of one's own",
        "planted": tuple,
    }
    inner["members"] = inner["investors"] if issubclass(one, BaseInvestor) else inner["forecasters"]
    optional = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    parameters = inspect.signature(one).parameters.values()
    return one(
        **{
            p.name: inner[p.name]()
            for p in parameters
            if p.default is p.empty and p.kind not in optional
        }
    )


def _is_leaf(one: type) -> bool:
    """Whether the library derives nothing from a class; what others derive from is a base, and
    defines no answer.
    """
    return not any(child.__module__.startswith("statarb.") for child in one.__subclasses__())


@pytest.mark.parametrize("make", subjects(BaseForecaster, forecaster_names(), make_forecaster))
def test_every_forecaster(make: Callable[[], Any], request: pytest.FixtureRequest) -> None:
    name = request.node.callspec.id
    settings = SLOW if name in LONG else QUICK
    check_forecaster(make(), **settings)


@pytest.mark.parametrize("make", subjects(BaseInvestor, sorted(INVESTORS), make_investor))
def test_every_investor(make: Callable[[], Any], request: pytest.FixtureRequest) -> None:
    investor = make()
    if getattr(investor, "hindsight", False):
        with pytest.raises((ParameterError, sa.DataError)):
            investor.decide(MARKET.window(MARKET.times[-1]), pd.Series(0.0, index=MARKET.assets))
        return
    check_investor(investor, **(SLOW if request.node.callspec.id in LONG else QUICK))


@pytest.mark.parametrize("make", subjects(Imputer, sorted(IMPUTERS), lambda name: IMPUTERS[name]()))
def test_every_imputer(make: Callable[[], Any]) -> None:
    check_imputer(make(), cuts=2)


@pytest.mark.parametrize("name", ["lvcf", "np100"])
def test_imputers_with_a_limit_start_holes_in_order_not_to_look_ahead(name: str) -> None:
    honest = IMPUTERS[name](max_gap=3, fill_start=True)
    assert not honest.looks_ahead
    assert any(
        "says that it looks ahead" in part
        for part in check_imputer(IMPUTERS[name](max_gap=3), cuts=2).skipped
    )
    assert check_imputer(honest, cuts=2).skipped == ()


def test_something_was_found() -> None:
    assert {"last_value", "ridge"} <= set(forecaster_names())
    assert {"cash", "buy_and_hold", "equal_weight_hold", "momentum"} <= set(INVESTORS)
    assert set(IMPUTERS) == {"lvcf", "lint", "r1", "np100", "marx1", "ar5x", "mlp"}
