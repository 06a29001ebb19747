"""Parameters and registries: what scikit-learn expects of an estimator, and clear refusals."""

from __future__ import annotations

import dataclasses

import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge

import statarb as sa
from statarb._core.checks import check_integer
from statarb._core.params import Parameters, Registry, fresh_copy


@dataclasses.dataclass(repr=False)
class Inner(Parameters):
    depth: int = 3

    def __post_init__(self) -> None:
        check_integer("depth", self.depth, at_least=1)


class Outer(Parameters):
    def __init__(self, inner: Inner | None = None, names: tuple[str, ...] = ("a",)) -> None:
        self.inner = Inner() if inner is None else inner
        self.names = tuple(names)


def test_parameters_go_in_and_out() -> None:
    outer = Outer(Inner(5))
    assert outer.get_params()["inner__depth"] == 5
    outer.seen_ = 7
    outer.set_params(inner__depth=2, names=["b", "c"])
    assert (outer.inner.depth, outer.names) == (2, ("b", "c"))
    assert not hasattr(outer, "seen_")


def test_a_refused_value_changes_nothing() -> None:
    outer = Outer(Inner(5))
    for params in ({"inner__depth": 0}, {"height": 1}, {"names__x": 1}):
        with pytest.raises(sa.ParameterError):
            outer.set_params(**params)
        assert outer.inner.depth == 5


def test_sklearn_clones_even_what_the_constructor_converts() -> None:
    outer = Outer(Inner(4), ["x"])
    outer.seen_ = 1
    copy = clone(outer)
    assert copy.inner is not outer.inner
    assert copy.inner.depth == 4
    assert not hasattr(copy, "seen_")


def test_copies_have_learnt_nothing() -> None:
    model = Ridge(alpha=2.0).fit([[0.0], [1.0]], [0.0, 1.0])
    first, (second,), third = fresh_copy(model), fresh_copy((model,)), fresh_copy({"m": model})["m"]
    for copy in (first, second, third):
        assert copy.alpha == 2.0
        assert not hasattr(copy, "coef_")
    assert fresh_copy(Ridge) is Ridge


def test_text_shows_what_differs_from_the_defaults() -> None:
    assert repr(Inner()) == "Inner()"
    assert repr(Inner(4)) == "Inner(depth=4)"


def test_a_registry_names_what_it_knows() -> None:
    registry = Registry("tool")
    registry.register("inner")(Inner)
    registry.register("inner")(Inner)
    assert registry.make("inner", depth=2).depth == 2
    assert Inner.key == "inner"
    assert list(registry) == registry.names() == ["inner"]
    for call, words in (
        (lambda: registry.make("iner"), "tool must be one of 'inner', got 'iner' .did you mean"),
        (lambda: registry.make("inner", dept=1), "parameter of 'inner' must be one of 'depth'"),
        (lambda: registry.register("inner")(Outer), "name must be new, got 'inner'"),
    ):
        with pytest.raises(sa.ParameterError, match=words):
            call()
