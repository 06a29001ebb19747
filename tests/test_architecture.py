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
    "forecasting": 2, "cointegration": 2, "volatility": 2, "optimization": 2, "backtest": 2,
    "investors": 3,
    "testing": 4, "walk": 4,
    "results": 5,
    "report": 6,
    "pipelines": 7,
    "cli": 8, "__main__": 9,
}  # fmt: skip
"""The parts of the package, from the ground up. A part imports from floors below its own; helpers
(floor 0) from each other.
"""
TOOLS = {"forecasting", "cointegration", "volatility", "optimization", "backtest"}
FRONT_DOORS = {
    "Panel.from_frame", "Panel", "read_quotes", "read_prices", "read_ohlcv", "simulate_market",
    "select_assets", "quality_report", "replay", "MeanDownsideRisk.solve", "fit_garch",
    "rolling_volatility", "scan_pairs", "scan_johansen", "rolling_scan", "walk_forward", "league",
    "run_league", "forecast_walk", "run_forecasts", "arch_forecaster", "run_full",
}  # fmt: skip
"""Public functions that users call with many keywords; all others take at most ten parameters."""
MOST_PARAMETERS, MOST_KERNEL_ARGUMENTS = 10, 12
PRIVATE_OF_PANEL = {
    "_grid", "_rows", "_stamps", "_places", "_zone", "_assets", "_arrays", "_observed", "_table",
    "_step", "_now", "_like", "_part", "_window", "_columns", "_on_grid",
}  # fmt: skip


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


def imports_of(text: str, known: set[str], package: str = "") -> set[str]:
    """Modules of the package that a file imports, wherever it does: at the top, in a function, for
    the type checker alone, or by a string that names a module.
    """
    tree = ast.parse(text)
    found = set()
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            whole = node.module or ""
            names = [
                one if (one := f"{whole}.{alias.name}") in known else whole for alias in node.names
            ]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            ours = node.value in known and node.value not in ("statarb", package)
            names = [node.value] if ours else []
        found |= {name for name in names if name.split(".")[0] == "statarb"}
    if "import_module" in text:  # short names, to which the package's own is added
        strings = {
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        found |= {name for one in strings if (name := f"{package}.{one}") in known}
    return found


FILES = names_of(PACKAGE)
GRAPH = {
    name: imports_of(
        path.read_text(encoding="utf-8"),
        set(FILES),
        name if path.name == "__init__.py" else name.rpartition(".")[0],
    )
    - {name}
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
    assert circles(GRAPH) == []


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
        "NAMES = {'replay': ('statarb.backtest.replay', 'Replay')}",
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


def through_doors(graph: dict[str, set[str]]) -> list[str]:
    """Imports of an engine from outside the package that it stands in."""
    wrong = []
    for module, others in graph.items():
        for other in others:
            home, engine, _ = other.partition("._engine")
            if engine and not (module == home or module.startswith(f"{home}.")):
                wrong.append(f"{module} imports {other}: ask {home} for what it needs")
    return sorted(wrong)


def test_engines_are_reached_through_their_package_alone():
    assert through_doors(GRAPH) == []
    outside = {"statarb.walk.forward": {"statarb.backtest._engine.kernels"}}
    assert through_doors(outside) == [
        "statarb.walk.forward imports statarb.backtest._engine.kernels: ask statarb.backtest for "
        "what it needs"
    ]
    assert through_doors({"statarb.backtest.replay": {"statarb.backtest._engine.kernels"}}) == []


def private_uses(text: str) -> list[str]:
    """Private attributes of a panel that a file reaches for, by line."""
    return [
        f"{node.lineno}: {node.attr}"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Attribute)
        and node.attr in PRIVATE_OF_PANEL
        and not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"))
        and "panel"
        in ast.unparse(node.value).lower()
        + " "
        + "window market".replace(ast.unparse(node.value), "panel")
    ]


def test_private_attributes_of_a_panel_are_used_in_its_own_part_alone():
    found = {
        name: uses
        for name, path in FILES.items()
        if part(f"{name}.") != "data" and (uses := private_uses(path.read_text(encoding="utf-8")))
    }
    assert found == {}
    assert (
        private_uses("x = panel._stamps[0]") == private_uses("x = window._stamps") == ["1: _stamps"]
    )
    assert private_uses("self._grid = 1") == []


def kernels_of(text: str) -> dict[str, int]:
    """Compiled functions of a file, and the number of their arguments."""
    return {
        node.name: len(node.args.args) + len(node.args.kwonlyargs)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef)
        and any("kernel" in ast.unparse(one) for one in node.decorator_list)
    }


def test_kernels_take_few_arguments_and_live_in_engines():
    wrong = []
    for name, path in FILES.items():
        for kernel, count in kernels_of(path.read_text(encoding="utf-8")).items():
            if count > MOST_KERNEL_ARGUMENTS:
                wrong.append(f"{name}.{kernel} takes {count} arguments")
            if "._engine" not in name:
                wrong.append(f"{name}.{kernel} is compiled outside an _engine folder")
    assert wrong == []
    assert kernels_of("@kernel()\ndef f(a, b):\n    pass") == {"f": 2}


def test_public_functions_take_few_parameters():
    wrong = []
    for name, thing in documented():
        if not callable(thing):
            continue
        short = name.removeprefix(thing.__module__ + ".")
        if (
            inspect.isclass(thing)
            or short in FRONT_DOORS
            or thing.__module__.startswith("statarb.cli")
            or "._engine" in name
        ):
            continue
        count = len([one for one in inspect.signature(thing).parameters if one != "self"])
        if count > MOST_PARAMETERS:
            wrong.append(f"{name} takes {count} parameters")
    assert wrong == []


IMPORT_ALONE = """
import importlib, os, sys
import numpy, pandas, scipy.stats, numba, sklearn.base, pyarrow.parquet, polars  # of others: once
failed = []
for name in sys.argv[1:]:
    child = os.fork()
    if child == 0:
        try:
            importlib.import_module(name)
        except BaseException as error:
            print(f"{name}: {type(error).__name__}: {error}", flush=True)
            os._exit(1)
        os._exit(0)
    failed += [name] if os.waitpid(child, 0)[1] else []
sys.exit(len(failed) > 0)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="forks a process for each module")
def test_every_module_can_be_imported_alone():
    """Each in a process of its own, into which nothing of the library has come before it."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", IMPORT_ALONE, *modules()],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout + done.stderr


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


def own_parameters(thing: object) -> list[str]:
    """Names of the parameters that a caller gives."""
    return [
        one
        for one in inspect.signature(thing).parameters  # type: ignore[arg-type]
        if one not in ("self", "cls") and not one.startswith("_")
    ]


def returns_something(thing: object) -> bool:
    """Whether a function says that it returns anything but itself done."""
    said = inspect.signature(thing).return_annotation  # type: ignore[arg-type]
    return said not in (inspect.Signature.empty, None, "None", "NoReturn", "Iterator[None]")


def inherited_docs(thing: object, owner: type | None) -> list[str]:
    """A method's own docstring, and those of the methods that it overrides."""
    if owner is None:
        return [inspect.getdoc(thing) or ""]
    name = getattr(thing, "__name__", "")
    return [inspect.getdoc(vars(base)[name]) or "" for base in owner.__mro__ if name in vars(base)]


def is_protocol(thing: type) -> bool:
    """Whether a class is a protocol, which nobody makes an object of."""
    return bool(getattr(thing, "_is_protocol", False))


def exported() -> list[tuple[str, object, list[str]]]:
    """What users import: names of the package and of its parts' doors, and the classes' methods."""
    found: dict[str, tuple[object, list[str]]] = {}
    doors = ["statarb", *(name for name, path in FILES.items() if path.name == "__init__.py")]
    for door in doors:
        module = importlib.import_module(door)
        for name in getattr(module, "__all__", []) if "._" not in door else []:
            thing = getattr(module, name)
            if not callable(thing) or not getattr(thing, "__module__", "").startswith("statarb"):
                continue
            found[f"{thing.__module__}.{name}"] = (thing, [inspect.getdoc(thing) or ""])
            for method, member in vars(thing).items() if inspect.isclass(thing) else ():
                if inspect.isfunction(member) and not method.startswith("_"):
                    found[f"{thing.__module__}.{name}.{method}"] = (
                        member,
                        inherited_docs(member, thing),
                    )
    return [(name, thing, docs) for name, (thing, docs) in sorted(found.items())]


@pytest.mark.parametrize(
    ("name", "thing", "docs"), exported(), ids=[name for name, *_ in exported()]
)
def test_docstrings_say_what_goes_in_and_what_comes_out(name, thing, docs):
    if inspect.isclass(thing) and (issubclass(thing, Exception) or is_protocol(thing)):
        return
    if own_parameters(thing):
        assert any(re.search(r"^Parameters\n-+\n", doc, re.M) for doc in docs), (
            f"{name} has no Parameters section"
        )
        if inspect.isfunction(thing) and returns_something(thing):
            assert any(re.search(r"^(Returns|Yields)\n-+\n", doc, re.M) for doc in docs), (
                f"{name} has no Returns section"
            )


@pytest.mark.parametrize(("name", "thing"), documented(), ids=[name for name, _ in documented()])
def test_docstrings_name_the_parameters_of_the_signature(name, thing):
    if not callable(thing):
        return
    text = inspect.getdoc(thing)
    assert text, f"{name} has no docstring"
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\S[^\n]*\n-{3,}\n|\Z)", text, re.M | re.S)
    described = []
    if section is None:
        return
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
