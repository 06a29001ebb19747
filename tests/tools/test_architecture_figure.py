"""The figure of the architecture: that of the code, and right about small packages."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tools import architecture

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    files = {
        "__init__.py": "from house import roof",
        "__main__.py": "from house.roof import main",
        "ground.py": "import numpy",
        "wall/__init__.py": "from house.wall.inner import brick",
        "wall/inner.py": "def f():\n    from house import ground\n",
        "wall/_engine/__init__.py": "",
        "roof.py": (
            "import importlib\n"
            "from house.wall import inner\n"
            "importlib.import_module('house.ground')\n"
        ),
    }
    for name, text in files.items():
        path = tmp_path / "house" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path / "house"


def test_the_committed_figure_is_that_of_the_code():
    text = architecture.drawn(*architecture.parts_of(architecture.PACKAGE))
    committed = architecture.FIGURE.read_text(encoding="utf-8")
    assert committed == text, "the imports have changed: run make figure, and commit the figure"


def test_imports_are_found_wherever_they_stand(package):
    graph, engines = architecture.parts_of(package)
    assert graph == {"ground": set(), "roof": {"wall", "ground"}, "wall": {"ground"}}
    assert engines == {"wall"}


def test_a_part_stands_above_all_that_it_imports(package):
    graph, _ = architecture.parts_of(package)
    assert architecture.floors_of(graph) == {"ground": 0, "wall": 1, "roof": 2}


def test_an_arrow_that_a_path_implies_is_left_out(package):
    graph, _ = architecture.parts_of(package)
    assert architecture.reduced(graph) == {"ground": set(), "roof": {"wall"}, "wall": {"ground"}}


def test_a_circle_is_named():
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}
    with pytest.raises(ValueError, match="circle, among or below: a, b, c"):
        architecture.floors_of(graph)


def test_every_part_is_a_box_and_every_arrow_points_down():
    # the arrow from e down to d passes the floors of c and b
    graph = {"a": set(), "b": {"a"}, "c": {"b"}, "d": set(), "e": {"c", "d"}}
    root = ElementTree.fromstring(architecture.drawn(graph, {"b"}))
    words = [text.text for text in root.iter(f"{SVG}text")]
    assert sorted(words) == ["_engine", "a", "b", "c", "d", "e"]
    arrows = {path.find(f"{SVG}title").text: path for path in root.iter(f"{SVG}path") if len(path)}
    assert set(arrows) == {
        "b imports a",
        "c imports b",
        "e imports c",
        "e imports d",
    }
    for path in arrows.values():
        points = path.get("d").replace("M", " ").replace("L", " ").replace("C", " ").split()
        heights = [float(y) for y in points[1::2]]
        assert heights == sorted(heights)
        assert heights[-1] > heights[0]


def test_the_order_of_files_changes_nothing():
    graph = {"a": set(), "b": {"a"}, "c": {"a"}, "d": {"b", "c"}}
    backwards = {part: graph[part] for part in sorted(graph, reverse=True)}
    assert architecture.drawn(graph, set()) == architecture.drawn(backwards, set())
