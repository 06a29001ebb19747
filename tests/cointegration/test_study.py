"""The study of size and power runs from end to end, and its sentences follow its figures."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

STUDY = Path(__file__).resolve().parents[2] / "research" / "cointegration.py"


def test_what_lasts_and_what_does_not() -> None:
    lasting = runpy.run_path(str(STUDY))["lasting"]
    rng = np.random.default_rng(0)
    weeks = [rng.random((19, 19)) < 0.1 for _ in range(6)]
    again, expected, pvalue = lasting(weeks, rng, 199)
    assert abs(again - expected) < 0.06
    assert pvalue > 0.05
    same = [weeks[0]] * 6
    again, expected, pvalue = lasting(same, rng, 199)
    assert again == 1.0
    assert expected < 0.3
    assert pvalue == pytest.approx(1.0 / 200.0)


@pytest.mark.slow
def test_the_study_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(
        sys, "argv", ["cointegration.py", "--markets", "2", "--draws", "3", "--case", str(tmp_path)]
    )
    runpy.run_path(str(STUDY), run_name="__main__")
    printed = capsys.readouterr().out
    for words in (
        "Size: share of rejections",
        "Power: share of planted pairs",
        "by AIC",
        "The real quotes are not in",
    ):
        assert words in printed
