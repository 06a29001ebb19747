"""The house: imports go down only, public names exist, docstrings match signatures, and no text
names a machine.
"""

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
    "errors": 0, "_core": 0,
    "data": 1, "rules": 1,
    "testing": 2, "forecasting": 2, "cointegration": 2, "volatility": 2, "optimization": 2,
    "backtest": 2,
    "investors": 3,
    "walk": 4,
    "results": 5,
    "report": 6,
    "pipelines": 7,
    "cli": 8, "__main__": 9,
}  # fmt: skip
"""The parts of the package, from the ground up. A part imports from floors below its own; helpers
(floor 0) from each other.
"""
TOOLS = {"testing", "forecasting", "cointegration", "volatility", "optimization", "backtest"}
SHARED_WORK = [
    {"statarb.data.panel", "statarb.data.storage"},
    {
        "statarb.optimization.frontier",
        "statarb.optimization.mean_downside_risk",
        "statarb.optimization.orders",
    },
    {"statarb.volatility.arch_models", "statarb.volatility.arch_fit"},
]
"""Files of one part whose class hands some of its methods' work to the others, which return objects
of that class. The class imports them when it calls them. No other circle is allowed.
"""


def modules() -> list[str]:
    return [
        "statarb",
        *(
            m.name
            for m in pkgutil.walk_packages([str(PACKAGE)], "statarb.")
            if "embedded" not in m.name
        ),
    ]


def names_of(path: Path) -> dict[str, Path]:
    """Files below a package folder, by module name."""
    found = {}
    for file in path.rglob("*.py"):
        parts = (path.name, *file.relative_to(path).with_suffix("").parts)
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def imports_of(text: str, known: set[str]) -> set[str]:
    """Modules of the package that a file imports, wherever it does: at the top, in a function, for
    the type checker alone.
    """
    found = set()
    for node in ast.walk(ast.parse(text)):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            whole = node.module or ""
            names = [
                one if (one := f"{whole}.{alias.name}") in known else whole for alias in node.names
            ]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.Call) and "import_module" in ast.unparse(node.func):
            names = [
                one.value
                for one in node.args
                if isinstance(one, ast.Constant) and isinstance(one.value, str)
            ]
        found |= {name for name in names if name.split(".")[0] == "statarb"}
    return found


FILES = names_of(PACKAGE)
GRAPH = {
    name: imports_of(path.read_text(encoding="utf-8"), set(FILES)) - {name}
    for name, path in FILES.items()
    if name != "statarb"
}
"""Who imports whom, module by module. The package itself names everything for its users, and nobody
imports it.
"""


def part(module: str) -> str:
    return module.split(".")[1]


def complaints(graph: dict[str, set[str]]) -> list[str]:
    """What is wrong with an import graph, by the floors."""
    found = []
    for module, others in graph.items():
        for other in others:
            if other == "statarb":
                found.append(
                    f"{module} imports the package: name the module that holds what it needs"
                )
            elif part(other) == part(module):
                continue
            elif part(module) in TOOLS and part(other) in TOOLS:
                found.append(f"{module} imports {other}: tools do not know each other")
            elif FLOOR[part(other)] > FLOOR[part(module)]:
                found.append(f"{module} imports {other}, which lies above it")
            elif FLOOR[part(other)] == FLOOR[part(module)] > 0:
                found.append(f"{module} imports {other} of its own floor")
    return found


def circles(graph: dict[str, set[str]]) -> list[set[str]]:
    """Sets of modules each of which reaches all others of its set (strongly connected components of
    two and more).
    """

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        todo = [start]
        while todo:
            for other in graph.get(todo.pop(), set()) - seen:
                seen.add(other)
                todo.append(other)
        return seen

    ahead = {module: reached(module) for module in graph}
    found: list[set[str]] = []
    for module in graph:
        circle = {other for other in ahead[module] if module in ahead.get(other, set())}
        if len(circle) > 1 and circle not in found:
            found.append(circle)
    return found


def test_every_part_has_a_floor():
    assert {part(module) for module in GRAPH} == set(FLOOR)
    assert {name for name, floor in FLOOR.items() if floor == 2} == TOOLS


def test_imports_go_down_only():
    assert complaints(GRAPH) == []


def test_there_is_no_circle():
    assert [
        circle for circle in circles(GRAPH) if not any(circle <= known for known in SHARED_WORK)
    ] == []


def test_there_is_no_circle_of_parts():
    parts: dict[str, set[str]] = {}
    for module, others in GRAPH.items():
        parts.setdefault(part(module), set()).update(
            part(other) for other in others if other != "statarb"
        )
    assert circles(parts) == []


@pytest.mark.parametrize(
    "text",
    [
        "import statarb.backtest.replay",
        "from statarb.backtest import replay",
        "def f():\n    from statarb.backtest.replay import Replay",
        "if TYPE_CHECKING:\n    from statarb.backtest.replay import Replay",
        "def f():\n    return importlib.import_module('statarb.backtest.replay')",
    ],
)
def test_an_import_up_or_across_is_found_wherever_it_stands(text):
    found = imports_of(text, set(FILES))
    assert found == {"statarb.backtest.replay"}
    for home, word in (
        ("statarb.data.panel", "above"),
        ("statarb.volatility.garch", "tools"),
        ("statarb.rules", "above"),
    ):
        (complaint,) = complaints({home: found})
        assert word in complaint


def test_a_circle_is_found():
    ring = {
        "statarb.a": {"statarb.b"},
        "statarb.b": {"statarb.c"},
        "statarb.c": {"statarb.a"},
        "statarb.d": {"statarb.a"},
    }
    assert circles(ring) == [{"statarb.a", "statarb.b", "statarb.c"}]
    assert complaints({"statarb.data.panel": imports_of("import statarb as sa", set(FILES))})


@pytest.mark.parametrize("name", modules())
def test_every_module_can_be_imported_alone(name):
    importlib.import_module(name)


def test_importing_the_package_is_cheap():
    code = (
        "import sys, statarb; print([m for m in ('pandas', 'numba', 'cvxpy', 'sklearn') if m in "
        "sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
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
    assert [one for one in described if one not in takes] == [], (
        f"{name}: described, but no parameter"
    )
    assert [one for one in takes if one not in described] == [], (
        f"{name}: parameters without a description"
    )


def test_texts_name_no_machine_and_no_workplace():
    banned = [
        r"(?<![\w.])/(?:work|tmp|root|home)/",
        r"/\.library",
        r"\bSTATARB_HELPER",
        r"pypi\.org",
        r"files\.pythonhosted",
        r"registry\.npmjs",
    ]
    listed = subprocess.run(
        ["git", "ls-files"], capture_output=True, text=True, cwd=ROOT, check=False
    ).stdout.split()
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
    """Values of arrays have no single truth: ``==`` and ``hash`` of such a dataclass would fail
    where they are first used.
    """
    pattern = re.compile(r"Array\b|Series\b|DataFrame|\bIndex|Panel\b|Stamps\b|Replay\b")
    wrong = []
    for name in modules():
        module = importlib.import_module(name)
        for exported in getattr(module, "__all__", ()):
            made = getattr(module, exported)
            if (
                isinstance(made, type)
                and dataclasses.is_dataclass(made)
                and made.__module__ == name
            ):
                held = [
                    field.name
                    for field in dataclasses.fields(made)
                    if pattern.search(str(field.type))
                ]
                if held and made.__eq__ is not object.__eq__ and not exported.startswith("_"):
                    wrong.append(f"{name}.{exported} ({', '.join(held)})")
    assert wrong == []
