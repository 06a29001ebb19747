"""What an imputation is: the base class with its settings, the table of names, and
:func:`impute`.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Hashable
from typing import Any, ClassVar

import numpy as np

from statarb._core.checks import check_choice, check_integer, check_jobs, check_panel
from statarb._core.typing import AnyFloatArray, BoolArray, FloatArray
from statarb.data.imputation._engine.gap_fill import blank_long_gaps
from statarb.data.panel import Panel
from statarb.errors import DataError

__all__ = ["IMPUTERS", "Imputer", "impute"]

IMPUTERS: dict[str, type[Imputer]] = {}
"""Imputations by name; a subclass of :class:`Imputer` with a ``name`` enters by itself."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Imputer(ABC):
    """A way to fill missing prices. Called with a panel, it returns the panel with its gaps
    filled.

    Cells are the times of the panel's grid, also those at which nothing at all was quoted; the grid
    of a window is its rows. A *gap* of an asset is a run of missing cells after its first quote.
    It has ``(b - a) / step - 1`` steps where a and b are the times of the quotes on its two sides,
    ``(b - a) / step`` where it is open at the end and b is the last cell. Cells before an asset's
    first quote stay missing.

    Parameters
    ----------
    max_gap : int, optional
        Longest gap, in steps, that is filled; longer ones stay missing as a whole. By default all
        are filled: an asset that ended keeps its last price (or what the method makes of it) to the
        end.
    fill_start : bool
        Fill the first ``max_gap`` steps of a longer gap as well. Whoever stands in a gap does not
        know how long it will be, so a method that must not look ahead on a whole panel needs this
        where ``max_gap`` is set.
    n_jobs : int
        Workers of joblib, for the methods that take long; the answer is the same for every number.

    Attributes
    ----------
    name : str
        Key in :data:`IMPUTERS`.
    whole_sample : bool
        Whether every cell it fills may depend on later ones: through what is estimated over the
        whole panel, or through the quote at the far side of the gap.
    """

    name: ClassVar[str] = ""
    whole_sample: ClassVar[bool] = False

    max_gap: int | None = None
    fill_start: bool = False
    n_jobs: int = 1

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Enter the subclass under its name."""
        super().__init_subclass__(**kwargs)
        if "name" in cls.__dict__:
            IMPUTERS[cls.name] = cls

    def __post_init__(self) -> None:
        """Check every setting once."""
        if self.max_gap is not None:
            check_integer("max_gap", self.max_gap, at_least=0)
        check_choice("fill_start", self.fill_start, (True, False))
        check_jobs(self.n_jobs)

    @property
    def looks_ahead(self) -> bool:
        """Whether a cell that it fills on a whole panel may depend on later cells."""
        return self.whole_sample or (self.max_gap is not None and not self.fill_start)

    def __call__(self, panel: Panel) -> Panel:
        """Fill the missing prices (and unrounded prices, where the panel holds them); see
        :func:`impute`.
        """
        elapsed = (panel._grid - panel._grid[0]) / panel._step
        filled: dict[str, AnyFloatArray] = {}
        simple: set[Hashable] = set()
        for field in ("price", "unrounded"):
            if field in panel.fields:
                cells = _on_cells(panel, panel.array(field).astype(np.float64, copy=False), np.nan)
                simple.update(panel.assets[column] for column in self._fill_cells(cells, elapsed))
                filled[field] = cells
        some: BoolArray = np.any(~np.isnan(filled["price"]), axis=1)
        if not some.any():
            raise DataError(
                "the panel holds no price that could be carried anywhere; give a window with at "
                "least one quote"
            )
        for field in panel.fields:
            if field not in filled:
                values = panel.array(field)
                filled[field] = (
                    values if some.sum() == len(values) else _on_cells(panel, values, np.nan)
                )
        observed: BoolArray = _on_cells(panel, panel.observed_array, False)
        if not some.all():
            filled = {
                name: values[some] if len(values) == len(some) else values
                for name, values in filled.items()
            }
            observed = observed[some]
        return panel.with_arrays(
            filled,
            rows=np.flatnonzero(some).astype(np.int64),
            observed=observed,
            imputation=self.name,
            looks_ahead=panel.looks_ahead or self.looks_ahead,
            metadata={"imputation": self._account(panel, filled["price"], observed, simple)},
        )

    def _fill_cells(self, cells: FloatArray, elapsed: FloatArray) -> list[int]:
        """Fill one field in place and blank the gaps that are too long; return the columns that
        were filled by lines.
        """
        seen = ~np.isnan(cells)
        simple = self.fill(cells, elapsed)
        if self.max_gap is not None:
            blank_long_gaps(cells, seen, elapsed, float(self.max_gap), self.fill_start)
        return simple

    @abstractmethod
    def fill(self, prices: FloatArray, elapsed: FloatArray) -> list[int]:
        """Fill the gaps of prices in place; leave numbers, and the cells before the first number
        of a column, alone.

        Parameters
        ----------
        prices : (cells, assets)
            Positive; NaN where missing.
        elapsed : (cells,)
            Time of the cells, in steps of the panel.

        Returns
        -------
        list of int
            Columns that have too few quotes for the method, and were filled by straight lines
            instead.
        """

    def _account(
        self, panel: Panel, price: AnyFloatArray, observed: BoolArray, simple: set[Hashable]
    ) -> dict[str, Any]:
        quoted = int(np.count_nonzero(~np.isnan(panel.array("price"))))
        numbers = int(np.count_nonzero(~np.isnan(price)))
        return {
            "method": self.name,
            "max_gap": self.max_gap,
            "filled": numbers - quoted,
            "left_missing": len(panel.grid) * len(panel.assets) - numbers,
            "assets_without_quotes": [
                str(asset) for asset in panel.assets[np.flatnonzero(~np.any(observed, axis=0))]
            ],
            "assets_with_too_few_quotes": [str(asset) for asset in panel.assets if asset in simple],
        }


def impute(
    panel: Panel,
    method: str = "lvcf",
    *,
    max_gap: int | None = None,
    fill_start: bool = False,
    n_jobs: int = 1,
    **settings: Any,
) -> Panel:
    """Fill missing prices. Observed ones stay as they are, bit for bit, and the mask ``observed``
    still tells them apart.

    The methods are those that the case names after Lazarov, "Missing data evaluation in financial
    time series":

    ========= ================================================== ================ ===========
    method    what fills a gap                                   class            looks ahead
    ========= ================================================== ================ ===========
    ``lvcf``  the last value                                     :class:`.LVCF`   no
    ``lint``  a straight line                                    :class:`.LINT`   yes
    ``r1``    regression on the other assets at the same time    :class:`.R1`     yes
    ``np100`` kernel regression on them over the last 100 rows   :class:`.NP100`  no
    ``marx1`` autoregression of all assets on the last returns   :class:`.MARX1`  yes
    ``ar5x``  autoregression of each asset on its last 5 returns :class:`.AR5X`   yes
    ``mlp``   a neural network on the same 5 returns             :class:`.MLP`    yes
    ========= ================================================== ================ ===========

    *Looks ahead* is about a whole panel, where a filled cell may depend on later quotes, be it
    through the far side of its gap or through what was estimated over the whole sample: the panel
    returned says so in ``looks_ahead``, and :func:`statarb.walk_forward` refuses it unless told
    otherwise (``allow_look_ahead``). Inside a window nothing after its end exists: impute each
    window, and every method is honest.

    Parameters
    ----------
    panel : Panel
        A panel or a window.
    method : str
        Key of :data:`IMPUTERS`.
    max_gap : int, optional
        Longest gap in steps that is filled; longer ones stay missing. By default all are filled.
    fill_start : bool
        Fill the first ``max_gap`` steps of longer gaps too: what ``lvcf`` and ``np100`` need with
        ``max_gap`` in order not to look ahead, since a gap's length is known at its end.
    n_jobs : int
        Workers of joblib.
    **settings
        Further settings of the method's class, such as ``ridge`` or ``seed``.

    Returns
    -------
    Panel
        On the same grid, with more rows where cells at which nothing was quoted have been filled.
        ``price`` and, where held, ``unrounded`` are filled, each from itself; other fields stay
        missing there. ``metadata["imputation"]`` counts what was filled and what was left, and
        names assets without a quote (they stay missing) and assets with too few quotes for the
        method (filled by straight lines).

    Raises
    ------
    ParameterError
        Unknown method or setting (lists those that exist), or a value out of range.

    Examples
    --------
    >>> import pandas as pd
    >>> prices = pd.DataFrame({"a": [1.0, None, 3.0, None]}, index=pd.date_range("2020", periods=4))
    >>> panel = Panel.from_frame(prices)
    >>> impute(panel, "lint").price["a"].tolist()
    [1.0, 2.0, 3.0, 3.0]
    >>> impute(panel, "lvcf").looks_ahead, impute(panel, "lint").looks_ahead
    (False, True)
    """
    check_panel(panel)
    chosen = IMPUTERS[check_choice("method", method, list(IMPUTERS))]
    accepted = [field.name for field in dataclasses.fields(chosen)]
    for given in settings:
        check_choice(f"setting of {method!r}", given, accepted)
    return chosen(max_gap=max_gap, fill_start=fill_start, n_jobs=n_jobs, **settings)(panel)


def _on_cells(panel: Panel, values: Any, missing: object) -> Any:
    """Return rows as cells of the whole grid, in a new array."""
    if len(panel._rows) == len(panel._grid):
        return np.array(values, order="C")
    cells = np.full((len(panel._grid), values.shape[1]), missing, dtype=values.dtype)
    cells[panel._rows] = values
    return cells
