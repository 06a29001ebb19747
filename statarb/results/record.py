"""Record of one account through time: from a run, from a replay, or from the files of a folder."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from statarb._core.typing import FloatArray
from statarb.backtest.replay import Replay
from statarb.errors import DataError, ParameterError
from statarb.results import schema
from statarb.results.case import is_case
from statarb.results.downsample import bucket_edges
from statarb.walk.run import Run

__all__ = ["MeanWeights", "OrderSizes", "Record", "Subject", "asset_names", "record_of"]

OUTCOMES = (
    "executed in full",
    "executed in part",
    "cut to the maximum",
    "below the minimum",
    "no cash",
    "no quote",
)
"""What became of an order, as figures tell it."""
MEANS = 400
"""Buckets of steps that a figure of weights shows."""
BINS_A_DECADE = 10
DECADES = (-9, 12)
CURRENCY = "currency of the prices"
"""What amounts are in where the currency is not known."""


@dataclasses.dataclass(frozen=True, eq=False)
class MeanWeights:
    """Weights of an account, averaged over buckets of steps.

    Parameters
    ----------
    times : (buckets,) Index
        Middle of each bucket; the numbers of steps where the times are not known.
    weights : (buckets, assets + 1)
        Mean weights, cash last.
    assets : list of str
        Symbols of the columns (ids, where a symbol is not known or duplicated), without cash.
    steps : int
        Most steps that one mean is over.
    held : float
        Mean number of assets held at a step.
    """

    times: pd.Index
    weights: FloatArray
    assets: list[str]
    steps: int
    held: float


@dataclasses.dataclass(frozen=True, eq=False)
class OrderSizes:
    """How large the orders of an account were, and what became of them.

    Parameters
    ----------
    edges : (bins + 1,)
        Edges of the bins, in units of the limits (in the currency of the prices where these are
        not known).
    counts : (bins, outcomes) DataFrame
        Orders by their target size, and by what became of them.
    limits : (float, float) or None
        Smallest and largest order, in the same units.
    unit : str
        Unit of the edges.
    unsized : int
        Orders without a size: those whose target value is no number.
    """

    edges: FloatArray
    counts: pd.DataFrame
    limits: tuple[float, float] | None
    unit: str
    unsized: int


@dataclasses.dataclass(frozen=True, eq=False)
class Record:
    """One account through time. What is not known is None, and said in ``missing``.

    Parameters
    ----------
    label : str
        What it is called in figures.
    metrics : mapping
        Figures, with the keys of ``metrics.json``.
    about : mapping
        Version, rules and market, with the keys of ``run.json``.
    paths : DataFrame or None
        Columns ``value, cash, fees, turnover``, in the currency of the prices, by time.
    utilisation : Series or None
        Time of each decision, in percent of a step.
    failures : DataFrame or None
        Columns ``time, reason, message``.
    limits : DataFrame or None
        Columns ``min_order, max_order``, in the currency of the prices, by time.
    weight_source : callable or None
        Gives the names of the assets, and blocks of weights (steps, assets + 1), cash last.
    order_source : callable or None
        Gives blocks of orders.
    missing : tuple of str
        What is not there, and why, a line each.
    sources : DataFrame or None
        What each source of forecasts promised and delivered; columns ``time, source, horizon,
        shrinkage, promised, delivered, reason``.
    certificates : DataFrame or None
        How far each answer of the optimizer can be from the optimum; columns ``time, gap, status,
        seconds``.
    """

    label: str
    metrics: Mapping[str, Any]
    about: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    paths: pd.DataFrame | None = None
    utilisation: pd.Series | None = None
    failures: pd.DataFrame | None = None
    limits: pd.DataFrame | None = None
    weight_source: Callable[[], tuple[list[str], Iterator[FloatArray]]] | None = None
    order_source: Callable[[], Iterator[pd.DataFrame]] | None = None
    missing: tuple[str, ...] = ()
    sources: pd.DataFrame | None = None
    certificates: pd.DataFrame | None = None

    @classmethod
    def from_replay(cls, replay: Replay, label: str = "replay") -> Record:
        """Take over a replay; no utilisation, no failures.

        Parameters
        ----------
        replay : Replay
            What :func:`statarb.replay` returned.
        label : str
            What it is called.

        Returns
        -------
        Record
        """
        paths = pd.DataFrame({name: getattr(replay, name) for name in schema.PATHS})
        rules = dataclasses.asdict(replay.rules)
        limits = None
        if replay.rules.limited:
            limits = pd.DataFrame(
                {name: rules[name] * replay.numeraire_price for name in schema.LIMIT_COLUMNS}
            )
        return cls(
            label=label,
            metrics={},
            about={"rules": rules},
            paths=paths,
            limits=limits,
            weight_source=lambda: ([str(asset) for asset in replay.assets], replay.weight_blocks()),
            order_source=replay.order_blocks,
        )

    @classmethod
    def from_run(cls, run: Run) -> Record:
        """Take over a run.

        Parameters
        ----------
        run : Run
            What :func:`statarb.walk_forward` returned.

        Returns
        -------
        Record
        """
        label = schema.path_label(run.investor, run.decision_lag)
        record = cls.from_replay(run.replay, label)
        market = {"currency": schema.CASH} if is_case(run.assets, run.step) else {}
        return dataclasses.replace(
            record,
            metrics=run.metrics(),
            about={**record.about, "market": market},
            utilisation=run.utilisation,
            failures=run.failures,
        )

    @property
    def currency(self) -> str:
        """Currency of the prices; empty where it is not known."""
        return str(self.about.get("market", {}).get("currency", ""))

    def symbols(self, assets: list[str]) -> list[str]:
        """Return the symbols of assets; their ids where there is none, or where two have the same.

        Parameters
        ----------
        assets : list of str
            Ids.

        Returns
        -------
        list of str
        """
        return asset_names(assets, self.about.get("symbols", {}))

    @property
    def traded(self) -> bool:
        """Whether it executed an order; where the orders are not known, whether there was
        turnover, and where that is not known either, True.
        """
        orders = self.metrics.get("orders")
        if isinstance(orders, (int, float)):
            return orders > 0
        return self.paths is None or bool((self.paths["turnover"] > 0.0).any())

    def require_paths(self) -> pd.DataFrame:
        """Return the paths, or raise :class:`DataError`."""
        if self.paths is None:
            raise DataError(
                f"{self.label}: the path of the value is not known ({schema.VALUE}); run the "
                "investor again"
            )
        return self.paths

    def mean_weights(self, buckets: int = MEANS) -> MeanWeights:
        """Average the weights over buckets of steps, reading them block by block.

        Parameters
        ----------
        buckets : int
            Largest number of buckets.

        Returns
        -------
        MeanWeights

        Raises
        ------
        DataError
            The weights are not known, or are of another number of steps than the value.
        """
        if self.weight_source is None:
            raise DataError(
                f"{self.label}: the weights are not known ({schema.PORTFOLIO}); run the investor "
                "again"
            )
        assets, blocks = self.weight_source()
        parts = list(blocks) if self.paths is None else blocks
        steps = len(self.paths) if self.paths is not None else sum(len(part) for part in parts)
        edges = bucket_edges(steps, buckets)
        totals = np.zeros((len(edges) - 1, len(assets) + 1))
        held = low = 0
        for block in parts:
            rows = np.searchsorted(edges, np.arange(low, low + len(block)), side="right") - 1
            low += len(block)
            if low > steps:
                break
            starts = np.flatnonzero(np.diff(rows, prepend=-1))
            totals[rows[starts]] += np.add.reduceat(block, starts, axis=0)
            held += int(np.count_nonzero(block[:, :-1] > 0.0))
        if low != steps:
            more = "more" if low > steps else f"{low:,}"
            raise DataError(
                f"{self.label}: {schema.PORTFOLIO} has {more} rows; {schema.VALUE} has {steps:,}"
            )
        index = pd.RangeIndex(steps) if self.paths is None else self.paths.index
        middle = index[(edges[:-1] + edges[1:] - 1) // 2]
        counts = np.diff(edges)
        return MeanWeights(
            middle, totals / counts[:, None], self.symbols(assets), int(counts.max()), held / steps
        )

    def order_sizes(self) -> OrderSizes:
        """Count the orders by target size and by what became of them, reading them block by block.

        Returns
        -------
        OrderSizes

        Raises
        ------
        DataError
            The orders are not known.
        """
        if self.order_source is None:
            raise DataError(
                f"{self.label}: the orders are not known ({schema.ORDERS}); run the investor again"
            )
        edges = 10.0 ** (
            np.arange(DECADES[0] * BINS_A_DECADE, DECADES[1] * BINS_A_DECADE + 1) / BINS_A_DECADE
        )
        counts = np.zeros((len(edges) - 1, len(OUTCOMES)), dtype=np.int64)
        unit, limits, name = self._order_unit()
        unsized = 0
        for block in self.order_source():
            target = block[schema.TARGET_VALUE].to_numpy(dtype=np.float64)
            if unit is not None:
                target = target / unit.reindex(block[schema.TIME]).to_numpy()
            sized = np.isfinite(target) & (target > 0.0)
            unsized += int((~sized).sum())
            traded = block[schema.TRADED_VALUE].to_numpy(dtype=np.float64) > 0.0
            outcome = _outcome(block[schema.REASON].astype(str).to_numpy(dtype=str), traded)
            place = np.clip(
                np.searchsorted(edges, target[sized], side="right") - 1, 0, len(counts) - 1
            )
            np.add.at(counts, (place, outcome[sized]), 1)
        return OrderSizes(
            edges, pd.DataFrame(counts, columns=list(OUTCOMES)), limits, name, unsized
        )

    def _order_unit(self) -> tuple[pd.Series | None, tuple[float, float] | None, str]:
        """Return the unit of the limits by time, the limits, and the name of the unit."""
        rules, currency = self.about.get("rules", {}), self.currency or CURRENCY
        low, high = (float(rules.get(name, np.nan)) for name in schema.LIMIT_COLUMNS)
        known = not np.isnan([low, high]).any()
        if known and rules.get("numeraire") is None:
            return None, (low, high) if low > 0.0 or np.isfinite(high) else None, currency
        if not known or self.limits is None or not (low > 0.0 or np.isfinite(high)):
            return None, None, currency
        unit = (
            self.limits["max_order"] / high if np.isfinite(high) else self.limits["min_order"] / low
        )
        return unit, (low, high), self.symbols([str(rules["numeraire"])])[0]


Subject: TypeAlias = Record | Run | Replay
"""What figures can be drawn of."""


def asset_names(assets: Iterable[object], symbols: Mapping[str, object]) -> list[str]:
    """Return the symbols of assets; their ids where there is none, and both where two have the
    same.

    Parameters
    ----------
    assets : iterable of label
        Ids.
    symbols : mapping
        Symbol by id, as far as it is known.

    Returns
    -------
    list of str
    """
    ids = [str(asset) for asset in assets]
    names = [str(symbols.get(asset, asset)) for asset in ids]
    often = Counter(names)
    return [
        name if often[name] == 1 else f"{name} ({asset})"
        for name, asset in zip(names, ids, strict=True)
    ]


def record_of(subject: Subject) -> Record:
    """Return the record of a run or a replay; a record stays what it is.

    Parameters
    ----------
    subject : Run, Replay or Record
        What is drawn.

    Returns
    -------
    Record

    Raises
    ------
    ParameterError
        It is something else.
    """
    if isinstance(subject, Record):
        return subject
    if isinstance(subject, Run):
        return Record.from_run(subject)
    if isinstance(subject, Replay):
        return Record.from_replay(subject)
    raise ParameterError(
        f"subject must be a Run, a Replay or a Record, got {type(subject).__name__}"
    )


def _outcome(reason: np.ndarray[Any, Any], traded: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Number the outcomes; the reason "no cash" is that of orders executed in part, and for those
    not executed.
    """
    found = np.zeros(len(reason), dtype=np.int64)
    found[(reason == "no cash") & traded] = 1
    found[reason == "cut to maximum"] = 2
    found[reason == "below minimum"] = 3
    found[(reason == "no cash") & ~traded] = 4
    found[np.isin(reason, ["no quote", "not finite"])] = 5
    return found
