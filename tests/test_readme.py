"""The README does what it says: its example runs as printed, and its commands exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from statarb.cli import app

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")


def test_the_example_runs_as_printed_and_is_short(capsys):
    blocks = re.findall(r"```python\n(.*?)```", README, re.S)
    assert len(blocks) == 1
    lines = [line for line in blocks[0].splitlines() if line.strip()]
    assert len(lines) <= 15
    exec(compile(blocks[0], "README.md", "exec"), {"__name__": "readme"})
    shown = capsys.readouterr().out
    assert "trend" in shown
    assert "rank_return" in shown


def test_the_commands_of_the_readme_exist():
    verbs = {command.name for command in app.registered_commands}
    named = set(re.findall(r"^(?:\| `)?statarb (\w+) ", README, re.M))
    assert named <= verbs
    assert {"simulate", "ingest", "invest", "run"} <= named


@pytest.mark.parametrize(
    "verb", sorted(set(re.findall(r"`make (\w[\w-]*)`", README)) | {"run", "test"})
)
def test_the_verbs_of_make_exist(verb):
    makefile = (Path(__file__).resolve().parents[1] / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{verb}:", makefile, re.M)
