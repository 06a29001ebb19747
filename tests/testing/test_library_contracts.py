"""Every forecaster, imputer and investor of the library, found by itself, keeps its contract and looks at nothing ahead."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
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
UPPER_FLOORS = {"__main__", "cli", "jobs", "report", "submission"}


def classes(base: type) -> list[type]:
    """Public classes of the library that derive from ``base``, can be used and need no argument, wherever they live."""
    found = set()
    for module in pkgutil.walk_packages(sa.__path__, "statarb."):
        if "._" in module.name or module.name.split(".")[1] in UPPER_FLOORS:
            continue
        for _, one in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(one, base) and one is not base and not one.__name__.startswith("_") and not inspect.isabstract(one):
                parameters = inspect.signature(one).parameters.values()
                if all(p.default is not p.empty or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters):
                    found.add(one)
    return sorted(found, key=lambda one: f"{one.__module__}.{one.__qualname__}")


def subjects(base: type, names: list[str], make: Any) -> list[Any]:
    """What the registry makes of its names, and beside it classes that are in no registry."""
    made = {name: make(name) for name in names}
    rest = [one for one in classes(base) if one not in {type(subject) for subject in made.values()}]
    alone = [pytest.param(one(), id=one.__name__) for one in rest if _is_leaf(one)]
    return [pytest.param(subject, id=name) for name, subject in made.items()] + alone


def _is_leaf(one: type) -> bool:
    """Whether the library derives nothing from a class; what others derive from is a base, and defines no answer."""
    return not any(child.__module__.startswith("statarb.") for child in one.__subclasses__())


@pytest.mark.parametrize("forecaster", subjects(BaseForecaster, forecaster_names(), make_forecaster))
def test_every_forecaster(forecaster: Any) -> None:
    check_forecaster(forecaster, cuts=2)


@pytest.mark.parametrize("investor", subjects(BaseInvestor, sorted(INVESTORS), make_investor))
def test_every_investor(investor: Any) -> None:
    if getattr(investor, "hindsight", False):
        with pytest.raises((ParameterError, sa.DataError)):
            investor.decide(MARKET.window(MARKET.times[-1]), pd.Series(0.0, index=MARKET.coins))
        return
    check_investor(investor, cuts=2)


@pytest.mark.parametrize("imputer", subjects(Imputer, sorted(IMPUTERS), lambda name: IMPUTERS[name]()))
def test_every_imputer(imputer: Any) -> None:
    check_imputer(imputer, cuts=2)


@pytest.mark.parametrize("name", ["lvcf", "np100"])
def test_imputers_with_a_limit_start_holes_in_order_not_to_look_ahead(name: str) -> None:
    honest = IMPUTERS[name](max_gap=3, fill_start=True)
    assert not honest.looks_ahead
    assert any("says that it looks ahead" in part for part in check_imputer(IMPUTERS[name](max_gap=3), cuts=2).skipped)
    assert check_imputer(honest, cuts=2).skipped == ()


def test_something_was_found() -> None:
    assert {"last_value", "ridge"} <= set(forecaster_names())
    assert {"cash", "hold", "equal_weight", "momentum"} <= set(INVESTORS)
    assert set(IMPUTERS) == {"lvcf", "lint", "r1", "np100", "marx1", "ar5x", "mlp"}
