"""The house: imports go down only, public names exist, docstrings match signatures, and no text names a machine."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import statarb as sa

PACKAGE = Path(sa.__file__).parent
ROOT = PACKAGE.parent
FLOOR = {
    "errors": 0, "_typing": 0, "_numba": 0, "_files": 0, "_checks": 0, "_progress": 0,
    "data": 1, "rules": 1,
    "forecasting": 2, "cointegration": 2, "volatility": 2, "optimization": 2, "backtest": 2,
    "investors": 3,
    "walkforward": 4,
    "leagues": 5,
    "report": 6, "submission": 6, "testing": 6,
    "jobs": 7,
    "cli": 8, "__main__": 9,
}  # fmt: skip
TOOLS = {name for name, floor in FLOOR.items() if floor == 2}


def modules() -> list[str]:
    return ["statarb", *(m.name for m in pkgutil.walk_packages([str(PACKAGE)], "statarb.") if "embedded" not in m.name)]


def imports_of(path: Path) -> set[str]:
    """Top-level parts of statarb that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names = [node.module or ""]
            if node.module == "statarb":
                names = [f"statarb.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith("statarb.")}
    return found


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down_only(path):
    home = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if home == "__init__":
        return
    assert home in FLOOR, f"{home} has no floor: give it one in {Path(__file__).name}"
    for other in imports_of(path) - {home, "__version__"}:
        assert FLOOR[other] <= FLOOR[home], f"{path.relative_to(ROOT)} imports statarb.{other}, which lies above it"
        assert not (home in TOOLS and other in TOOLS), f"{path.relative_to(ROOT)}: tools do not know each other ({other})"
        if FLOOR[other] == FLOOR[home]:
            assert (home, other) in {("data", "rules"), ("submission", "report"), ("report", "submission")} or FLOOR[
                home
            ] == 0, f"{path.relative_to(ROOT)} imports statarb.{other} of its own floor"


@pytest.mark.parametrize("name", modules())
def test_every_module_can_be_imported_alone(name):
    importlib.import_module(name)


def test_importing_the_package_is_cheap():
    code = "import sys, statarb; print([m for m in ('pandas', 'numba', 'cvxpy', 'sklearn') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", [name for name in sa.__all__ if name != "__version__"])
def test_every_public_name_exists(name):
    assert getattr(sa, name) is not None
    assert name in dir(sa)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = sa.nothing


def documented() -> list[tuple[str, object]]:
    """All public functions and classes of the package, and the public methods of the classes."""
    found = {}
    for module_name in modules():
        module = importlib.import_module(module_name)
        for name in getattr(module, "__all__", []):
            thing = getattr(module, name, None)
            if getattr(thing, "__module__", "").startswith("statarb"):
                found[f"{thing.__module__}.{name}"] = thing
                if inspect.isclass(thing):
                    for method, member in vars(thing).items():
                        if inspect.isfunction(member) and not method.startswith("_"):
                            found[f"{thing.__module__}.{name}.{method}"] = member
    return sorted(found.items())


@pytest.mark.parametrize(("name", "thing"), documented(), ids=[name for name, _ in documented()])
def test_docstrings_name_the_parameters_of_the_signature(name, thing):
    if not callable(thing):
        return
    text = inspect.getdoc(thing)
    assert text, f"{name} has no docstring"
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\S[^\n]*\n-{3,}\n|\Z)", text, re.M | re.S)
    if section is None:
        return
    described = []
    for line in re.findall(r"^(\*{0,2}\w[^:\n]*)(?: :.*)?$", section[1], re.M):
        described += [part.strip().lstrip("*") for part in line.split(",")]
    parameters = inspect.signature(thing).parameters
    takes = [one for one in parameters if one not in ("self", "cls") and not one.startswith("_")]
    assert [one for one in described if one not in takes] == [], f"{name}: described, but no parameter"
    assert [one for one in takes if one not in described] == [], f"{name}: parameters without a description"


def test_texts_name_no_machine_and_no_workplace():
    banned = [
        r"(?<![\w.])/(?:work|tmp|root|home)/",
        r"/\.library",
        r"\bSTATARB_HELPER",
        r"pypi\.org",
        r"files\.pythonhosted",
        r"registry\.npmjs",
    ]
    listed = subprocess.run(["git", "ls-files"], capture_output=True, text=True, cwd=ROOT, check=False).stdout.split()
    if not listed:
        pytest.skip("not a git checkout")
    for name in listed:
        path = ROOT / name
        if path == Path(__file__) or path.suffix in {".gz", ".png"} or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        for pattern in banned:
            assert not re.search(pattern, text), f"{name} holds {pattern}"


def test_results_that_hold_arrays_are_compared_by_identity():
    """Values of arrays have no single truth: ``==`` and ``hash`` of such a dataclass would fail where they are first used."""
    pattern = re.compile(r"Array\b|Series\b|DataFrame|\bIndex|Panel\b|Stamps\b|Replay\b")
    wrong = []
    for name in modules():
        module = importlib.import_module(name)
        for exported in getattr(module, "__all__", ()):
            made = getattr(module, exported)
            if isinstance(made, type) and dataclasses.is_dataclass(made) and made.__module__ == name:
                held = [field.name for field in dataclasses.fields(made) if pattern.search(str(field.type))]
                if held and made.__eq__ is not object.__eq__ and not exported.startswith("_"):
                    wrong.append(f"{name}.{exported} ({', '.join(held)})")
    assert wrong == []
