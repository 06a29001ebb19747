"""Planted inefficiencies: what a control market holds that can be earned, and how large it is."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

from statarb._core.checks import check_choice, check_integer, check_number
from statarb.errors import ParameterError

__all__ = [
    "FAMILIES",
    "Plant",
    "PlantLike",
    "PlantedDiffusion",
    "PlantedPairs",
    "PlantedTrend",
    "PlantedVolatility",
    "read_plants",
]

NONE = "none"
"""The name of a control market with nothing planted."""


@dataclasses.dataclass(frozen=True)
class PlantedPairs:
    r"""Pairs of assets whose log prices are tied by a spread that reverts.

    The second asset of a pair follows the first,

    .. math:: \ln P^b_t = \mu + h \ln P^a_t + s_t, \qquad s_t = 2^{-1/H} s_{t-1} + \epsilon_t

    with the hedge ratio h, the half-life H in rows, and normal shocks that give the spread s its
    standard deviation. The first asset stays unpredictable; the second one reverts to it.

    Parameters
    ----------
    groups : int
        Number of pairs; each takes two assets.
    half_life : float
        Of the spread, in rows.
    spread : float
        Its standard deviation, in log price.
    hedge_ratio : float
        Log price of the first asset per log price of the second. At another ratio h than 1 the
        second asset also grows, by h (h - 1) / 2 times the variance of the first one.
    """

    family: ClassVar[str] = "pairs"
    groups: int = 4
    half_life: float = 24.0
    spread: float = 0.02
    hedge_ratio: float = 1.0

    def __post_init__(self) -> None:
        """Check every value once."""
        check_integer("groups", self.groups, at_least=1)
        check_number("half_life", self.half_life, above=0.0)
        check_number("spread", self.spread, above=0.0, at_most=1.0)
        check_number("hedge_ratio", self.hedge_ratio, above=0.0, at_most=10.0)

    @property
    def least_assets(self) -> int:
        """Fewest assets that it takes for itself."""
        return 2 * self.groups


@dataclasses.dataclass(frozen=True)
class PlantedDiffusion:
    r"""Groups in which a leader's move reaches its followers over many rows.

    With the leader's log return g and own returns e that nothing predicts, a follower moves by

    .. math:: r_t = \beta \frac{1}{n} \sum_{k=0}^{n-1} g_{t-k} + e_t

    Parameters
    ----------
    groups : int
        Number of leaders.
    followers : int
        Followers of each; a group takes one asset more.
    steps : int
        Rows n over which the move arrives, from the leader's own row on, in equal parts.
    beta : float
        Move of a follower per move of its leader, when all of it has arrived.
    """

    family: ClassVar[str] = "diffusion"
    groups: int = 2
    followers: int = 4
    steps: int = 24
    beta: float = 1.0

    def __post_init__(self) -> None:
        """Check every value once."""
        check_integer("groups", self.groups, at_least=1)
        check_integer("followers", self.followers, at_least=1)
        check_integer("steps", self.steps, at_least=2)
        check_number("beta", self.beta, above=0.0, at_most=10.0)

    @property
    def least_assets(self) -> int:
        """Fewest assets that it takes for itself."""
        return self.groups * (1 + self.followers)


@dataclasses.dataclass(frozen=True)
class PlantedTrend:
    """Drifts that last: each asset's expected return is drawn anew, from a normal distribution of
    mean zero, every ``length`` rows, at the same rows for all.

    Parameters
    ----------
    length : int
        Rows that a drift lasts; 288 is a day of 5-minute rows.
    size : float
        Standard deviation of the drifts, in log return over ``length`` rows.
    assets : int, optional
        Number of assets that have one; by default all that nothing else is planted in.
    """

    family: ClassVar[str] = "trend"
    length: int = 288
    size: float = 0.06
    assets: int | None = None

    def __post_init__(self) -> None:
        """Check every value once."""
        check_integer("length", self.length, at_least=2)
        check_number("size", self.size, above=0.0, at_most=1.0)
        if self.assets is not None:
            check_integer("assets", self.assets, at_least=1)

    @property
    def least_assets(self) -> int:
        """Fewest assets that it takes for itself."""
        return 1 if self.assets is None else self.assets


@dataclasses.dataclass(frozen=True)
class PlantedVolatility:
    """Calm and wild spells under a constant premium: risk can be timed, returns cannot.

    All returns are multiplied by ``calm`` or by ``wild``, in turns whose lengths are geometric with
    the mean ``length``. The expected simple return is the same positive number at every row, so
    that a holding that shrinks while the market is wild has the larger growth per risk (Moreira,
    Muir 2017, Journal of Finance 72, 1611-1644).

    Parameters
    ----------
    length : int
        Mean number of rows of a spell; 288 is a day of 5-minute rows.
    calm, wild : float
        Multiples of the volatility, the first below the second.
    premium : float
        Expected return of every asset over 288 rows, beside what else is planted in it.
    """

    family: ClassVar[str] = "volatility"
    length: int = 288
    calm: float = 0.4
    wild: float = 1.6
    premium: float = 0.02

    def __post_init__(self) -> None:
        """Check every value once."""
        check_integer("length", self.length, at_least=2)
        check_number("calm", self.calm, above=0.0)
        check_number("wild", self.wild, above=self.calm, at_most=10.0)
        check_number("premium", self.premium, above=0.0, at_most=1.0)

    @property
    def least_assets(self) -> int:
        """Fewest assets that it takes for itself: none, since it moves all."""
        return 0


Plant: TypeAlias = PlantedPairs | PlantedDiffusion | PlantedTrend | PlantedVolatility
PlantLike: TypeAlias = Plant | str | tuple[str, Mapping[str, Any]]

FAMILIES: Mapping[str, type[Plant]] = types.MappingProxyType(
    {one.family: one for one in (PlantedPairs, PlantedDiffusion, PlantedTrend, PlantedVolatility)}
)
"""Families of control markets, beside ``none``, by their names."""


def read_plants(plant: PlantLike | Sequence[PlantLike]) -> tuple[Plant, ...]:
    """Return what is to be planted as objects, each with all its parameters.

    Parameters
    ----------
    plant : plant, str, (str, mapping) or sequence of those
        A name stands for its family at its defaults, ``"none"`` for nothing; a name with a mapping
        for its family with some parameters changed.

    Returns
    -------
    tuple of plants
        Empty where nothing is planted.

    Raises
    ------
    ParameterError
        An unknown family or parameter, a value out of range, something else, a family twice, or
        ``"none"`` together with another.
    """
    words: list[Any]
    if isinstance(plant, (str, *FAMILIES.values())) or _is_named(plant):
        words = [plant]
    elif isinstance(plant, Sequence):
        words = list(plant)
    else:
        raise ParameterError(_wrong(plant))
    found = [_read_plant(word) for word in words]
    plants = tuple(one for one in found if one is not None)
    if len(found) > 1 and len(plants) < len(found):
        raise ParameterError(f"plant must be 'none' alone, or without it, got {plant!r}")
    names = [one.family for one in plants]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ParameterError(
            f"plant must name a family once, got {twice[0]!r} {names.count(twice[0])} times; give "
            "more groups or assets to one"
        )
    return plants


def _read_plant(word: Any) -> Plant | None:
    """Make one plant of an object, a name, or a name with parameters; ``None`` of ``"none"``."""
    for family in FAMILIES.values():
        if isinstance(word, family):
            return word
    if not (isinstance(word, str) or _is_named(word)):
        raise ParameterError(_wrong(word))
    name, parameters = (word, {}) if isinstance(word, str) else word
    check_choice("plant", name, (NONE, *FAMILIES))
    if name == NONE:
        if parameters:
            raise ParameterError(f"plant 'none' takes no parameters, got {dict(parameters)!r}")
        return None
    allowed = [field.name for field in dataclasses.fields(FAMILIES[name])]
    for parameter in parameters:
        check_choice(f"parameter of plant {name!r}", parameter, allowed)
    return FAMILIES[name](**parameters)


def _is_named(word: Any) -> bool:
    """Whether something is a name with its parameters."""
    return (
        isinstance(word, Sequence)
        and len(word) == 2
        and isinstance(word[0], str)
        and isinstance(word[1], Mapping)
    )


def _wrong(word: Any) -> str:
    names = ", ".join(repr(name) for name in (NONE, *FAMILIES))
    return (
        f"plant must be one of {names}, a (name, {{parameter: value}}) tuple, a planted object, or "
        f"several of those, got {word!r}"
    )
