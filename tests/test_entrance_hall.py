"""The texts and settings that a newcomer meets first: what they name exists."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

import statarb as sa

ROOT = Path(__file__).resolve().parents[1]
TEXTS = ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "SECURITY.md"]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
VERBS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.M))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_make_help_lists_every_verb():
    listed = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert {line.split()[0] for line in listed.splitlines()} == VERBS
    phony = re.search(r"^\.PHONY: ((?:.*\\\n)*.*)", MAKEFILE, re.M)
    assert set(phony[1].replace("\\", " ").split()) == VERBS


@pytest.mark.parametrize("name", [*TEXTS, ".ci/run", "CHANGELOG.md"])
def test_every_verb_that_a_text_names_exists(name):
    lines = [line for line in read(name).splitlines() if "make" in line]
    named = re.findall(r"(?:`|^)(?:make|step) ([a-z-]+)", "\n".join(lines), re.M)
    assert set(named) <= VERBS


@pytest.mark.parametrize("name", TEXTS)
def test_links_lead_somewhere(name):
    links = re.findall(r"\]\(([^)#]+)\)", read(name))
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "ARCHITECTURE.md"])
def test_folders_and_files_that_a_text_names_exist(name):
    named = re.findall(r"`([\w/.]+(?:/|\.py))`", read(name))
    assert named
    homes = (ROOT, ROOT / "statarb")
    absent = [
        path
        for path in named
        if not any((home / path).exists() for home in homes)
        and path.strip("/") not in ("_engine", "coverage")
    ]
    assert absent == []


def test_every_part_of_the_package_is_on_a_floor():
    parts = {
        path.stem
        for path in (ROOT / "statarb").iterdir()
        if (path.suffix == ".py" or (path / "__init__.py").is_file())
        and path.stem.strip("_") == path.stem
    }
    rows = [
        line.split("|")[1]
        for line in read("ARCHITECTURE.md").splitlines()
        if line.startswith("| `")
    ]
    named = {word for row in rows for word in re.findall(r"`(\w+)`", row)}
    assert named - {"_core"} == parts


def test_the_citation_is_that_of_this_version():
    citation = yaml.safe_load(read("CITATION.cff"))
    # what the schema of the Citation File Format 1.2.0 requires
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["cff-version"] == "1.2.0"
    assert citation["type"] == "software"
    assert all(author.get("name") or author.get("family-names") for author in citation["authors"])
    assert citation["version"] == sa.__version__ == PROJECT["project"]["version"]
    assert citation["license"] == PROJECT["project"]["license"]


def test_hooks_are_local_and_fetch_nothing():
    hooks = yaml.safe_load(read(".pre-commit-config.yaml"))
    assert [repo["repo"] for repo in hooks["repos"]] == ["local"]
    for hook in hooks["repos"][0]["hooks"]:
        assert hook["language"] == "system"
        assert hook["entry"].startswith(".venv/bin/")


def pins(name: str) -> dict[str, set[str]]:
    """Versions that a lock file pins, by package."""
    found: dict[str, set[str]] = {}
    for package, version in re.findall(r"^([a-z0-9][\w.-]*)==([^\s;]+)", read(name), re.M):
        found.setdefault(package, set()).add(version)
    return found


def test_the_lowest_versions_are_those_promised():
    lowest = pins("requirements-lowest.lock")
    wanted = PROJECT["project"]["dependencies"]
    extras = PROJECT["project"]["optional-dependencies"]
    for requirement in [*wanted, *extras["cluster"], *extras["boost"]]:
        package, promised = re.fullmatch(r"([\w-]+)>=([\d.]+)", requirement).groups()
        exact = {re.sub(r"(\.0)+$", "", version) for version in lowest[package]}
        assert re.sub(r"(\.0)+$", "", promised) in exact, f"{requirement}: locked are {exact}"


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-lowest.lock"])
def test_every_pin_has_a_hash(name):
    blocks = re.split(r"^(?=[a-z0-9][\w.-]*==)", read(name), flags=re.M)[1:]
    assert len(blocks) == sum(len(versions) for versions in pins(name).values())
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []
