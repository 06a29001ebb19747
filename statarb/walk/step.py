"""One step of an investor through time: mark, trade what was decided for it, decide anew."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from statarb._core.numeric import sum_slack
from statarb._core.tables import shown
from statarb._core.typing import FloatArray, IntArray
from statarb.backtest.account import Account
from statarb.data.panel import Panel
from statarb.investors.context import ask, rows_to_rest
from statarb.rules import Context

__all__ = ["Outcome", "Stepper", "as_weights"]


class Outcome(NamedTuple):
    """Result of asking an investor once.

    Attributes
    ----------
    targets : (assets,) or None
        Target weights; ``None`` keeps the holdings.
    seconds : float
        Time taken to reach the decision.
    reason, message : str
        Why the answer could not be used; empty where it could.
    """

    targets: FloatArray | None
    seconds: float
    reason: str = ""
    message: str = ""


class Stepper:
    """An investor with its account, between two steps: all that a checkpoint has to keep.

    A step is :meth:`advance` with the quotes of its time, then :meth:`decide` for the step
    ``decision_lag`` later. A walk over a panel is a loop over both.

    Parameters
    ----------
    agent : Investor
        Is asked; changes as it learns.
    account : Account
        What it holds; is traded.
    decision_lag : int
        Steps between a decision and its trade.
    step_seconds : float
        Length of a step in seconds: a decision that takes longer comes too late.
    """

    def __init__(
        self, agent: Any, account: Account, decision_lag: int, step_seconds: float
    ) -> None:
        self.agent, self.account = agent, account
        self.decision_lag, self.step_seconds = decision_lag, step_seconds
        self.pending: deque[FloatArray | None] = deque()
        self.awake_from = 0.0
        """First row at which the investor is to be asked again."""

    def advance(self, quotes: FloatArray | None) -> float:
        """Mark the account to the quotes of a step, and trade what was decided for it before.

        Parameters
        ----------
        quotes : (assets,) or None
            Observed quotes, NaN where there is none; ``None`` where nothing was quoted.

        Returns
        -------
        float
            Value before trading, in the currency of the prices.
        """
        value = self.account.mark(quotes)
        if self.decision_lag > 0:
            self._trade(self.pending.popleft())
        return value

    def rest(self, quotes: FloatArray, rows: IntArray, decided: int) -> None:
        """Advance over steps in which nothing is traded and nobody is asked.

        Parameters
        ----------
        quotes : (rows, assets)
            Observed quotes of the panel.
        rows : (steps,) int64
            Row of ``quotes`` of each step; -1 where nothing was quoted.
        decided : int
            Number of decisions that are pending after them, all to keep the holdings.
        """
        self.account.mark_steps(quotes, rows)
        self.pending = deque([None] * decided)

    @property
    def at_rest(self) -> bool:
        """Whether no trade is pending."""
        return all(targets is None for targets in self.pending)

    def decide(
        self,
        window: Panel,
        row: int,
        trade_time: pd.Timestamp,
        signal: Mapping[str, FloatArray] | None = None,
        spent: float = 0.0,
    ) -> Outcome:
        """Ask the investor; whatever goes wrong there keeps the holdings, and is reported.

        Parameters
        ----------
        window : Panel
            What may be known.
        row : int
            Position of the window's last row.
        trade_time : Timestamp
            When the targets will be traded.
        signal : mapping of str to array, optional
            Signal of the window's last row, computed beforehand.
        spent : float
            Seconds that the signal took.

        Returns
        -------
        Outcome
        """
        account = self.account
        weights, value = account.weights_and_value()
        holdings = pd.Series(weights, index=window.assets, copy=False)
        context = Context(trade_time, value, account.rules, self.decision_lag)
        reason, message, answer = "", "", None
        started = time.perf_counter()
        try:
            answer = ask(self.agent, window, holdings, context, signal)
        # says something about the machine: whoever has more of it must get the same run
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - the boundary to other people's code: counted, kept, shown
            reason, message = "exception", f"{type(error).__name__}: {error}"
        seconds = time.perf_counter() - started + spent
        targets: FloatArray | None = None
        if not reason and seconds > self.step_seconds:
            reason, message = "too late", f"took {seconds:.1f} s of {self.step_seconds:g} s"
        if not reason and answer is not None:
            targets, reason, message = as_weights(answer, window.assets)
        rest = 0.0 if reason else rows_to_rest(self.agent)
        # an investor that does not rest is asked again at a time without a new row as well
        self.awake_from = row + 1 + rest if rest > 0.0 else 0.0
        return Outcome(targets, seconds, reason, message)

    def submit(self, targets: FloatArray | None) -> None:
        """Take a decision: trade it now where there is no lag, else keep it until its step.

        Parameters
        ----------
        targets : (assets,) or None
            Target weights; ``None`` keeps the holdings.
        """
        if self.decision_lag > 0:
            self.pending.append(targets)
        else:
            self._trade(targets)

    def _trade(self, targets: FloatArray | None) -> None:
        if targets is not None:
            self.account.trade(targets)


def as_weights(answer: Any, assets: pd.Index) -> tuple[FloatArray | None, str, str]:
    """Turn an investor's answer into weights by column, or give the reason why it cannot be used.

    Parameters
    ----------
    answer : object
        What :meth:`Investor.decide` returned: a Series or mapping by asset, or an array of one
        weight per asset.
    assets : Index
        Assets of the panel.

    Returns
    -------
    (assets,) or None, str, str
        Weights, whose sum is at most 1; None where the answer cannot be used. Reason and details,
        empty where it can.
    """
    if isinstance(answer, dict):
        answer = pd.Series(answer, dtype=object)
    try:
        values = np.asarray(answer, dtype=np.float64)
    except (TypeError, ValueError) as error:
        return None, "no numbers", f"an answer must hold one number per asset: {error}"
    slack = sum_slack(_precision(answer))
    if isinstance(answer, pd.Series):
        column = assets.get_indexer(answer.index)
        if (column < 0).any():
            unknown = answer.index[int(np.flatnonzero(column < 0)[0])]
            return None, "unknown asset", f"asset {shown(unknown)} is not in the panel"
        if not answer.index.is_unique:
            twice = answer.index[answer.index.duplicated()][0]
            return None, "unknown asset", f"asset {shown(twice)} is duplicated in the answer"
    else:
        column = np.arange(len(assets))
        if values.shape != (len(assets),):
            return (
                None,
                "wrong shape",
                f"an array must have one weight per asset ({len(assets)}), got the shape "
                f"{values.shape}",
            )
    if not np.isfinite(values).all():
        worst = int(np.flatnonzero(~np.isfinite(values))[0])
        label = shown(assets[column[worst]])
        return None, "not finite", f"the weight of asset {label} is {values[worst]}"
    if (values < -slack).any():
        worst = int(np.argmin(values))
        label = shown(assets[column[worst]])
        return None, "negative", f"the weight of asset {label} is {values[worst]:g}"
    weights = np.zeros(len(assets))
    weights[column] = np.maximum(values, 0.0)
    total = float(weights.sum())
    if total > 1.0 + slack:
        return None, "sum above 1", f"the weights sum to {total:.12g}"
    return (weights / total if total > 1.0 else weights), "", ""


def _precision(answer: Any) -> Any:
    """Return the type that an answer is held in."""
    dtype = getattr(answer, "dtype", None)
    beneath = getattr(dtype, "numpy_dtype", dtype)
    return beneath if isinstance(beneath, np.dtype) else np.float64
