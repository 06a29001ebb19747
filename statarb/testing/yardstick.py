"""oracle: what could be had on a control market."""

from __future__ import annotations

from statarb._core.checks import check_panel
from statarb.data.panel import Panel
from statarb.errors import ParameterError
from statarb.investors.benchmarks.oracle import Oracle

__all__ = ["oracle"]


def oracle(
    panel: Panel,
    *,
    horizon: int | None = None,
    risk_aversion: float = 3.0,
    max_weight: float = 0.15,
    scenarios: int = 1008,
) -> Oracle:
    """Return the investor that knows what is planted in a market: the yardstick of what could be
    had there, net of fees and limits.

    Parameters
    ----------
    panel : Panel
        Made by ``simulate_market(..., plant=...)``.
    horizon, risk_aversion, max_weight, scenarios
        As in :class:`~statarb.investors.benchmarks.oracle.Oracle`.

    Returns
    -------
    Oracle
        For ``walk_forward`` and ``league``. It stays in cash where nothing is planted.

    Raises
    ------
    ParameterError
        The panel does not say what is planted in it, or holds the groups of a market made without
        ``plant``.

    Examples
    --------
    >>> import statarb as sa
    >>> market = sa.simulate_market(assets=4, days=1, plant="none")
    >>> run = sa.walk_forward(oracle(market), market, start=market.times[100])
    >>> run.metrics()["orders"]
    0
    """
    check_panel(panel)
    if "planted" not in panel.metadata:
        raise ParameterError(
            "panel must say what is planted in it, in metadata['planted'], got none; make it with "
            "simulate_market(..., plant=...), and note that quotes written as CSV and windows of a "
            "panel do not carry it"
        )
    return Oracle(
        panel.metadata["planted"],
        horizon=horizon,
        risk_aversion=risk_aversion,
        max_weight=max_weight,
        scenarios=scenarios,
    )
