"""Draw the parts of the package and who imports whom, from the import statements themselves.

``python tools/architecture.py`` writes ``docs/architecture.svg``; ``--check`` compares it with the
code and writes nothing. The same code gives the same bytes: no library draws, no clock is asked.

A part is a folder or a file directly below ``statarb/``. It stands on the lowest floor that lies
above all that it imports (the longest path of imports below it), so an arrow never goes up. An
arrow is drawn only where no path over other parts says the same already (transitive reduction).
"""

from __future__ import annotations

import argparse
import ast
import itertools
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "statarb"
FIGURE = ROOT / "docs" / "architecture.svg"

Graph = dict[str, set[str]]


def imported_names(text: str, package: str) -> set[str]:
    """Dotted names below a package that a file imports, anywhere in it, with those that
    ``import_module`` gets as a literal.
    """
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Call) and "import_module" in ast.unparse(node.func):
            found |= {word.value for word in node.args if isinstance(word, ast.Constant)}
    return {name for name in found if str(name).startswith(f"{package}.")}


def parts_of(package: Path) -> tuple[Graph, set[str]]:
    """Who imports whom, part by part, and the parts that have an ``_engine`` folder.

    The package's own ``__init__`` hands names to users and ``__main__`` calls the command line;
    neither is a part.
    """
    graph: Graph = {}
    engines: set[str] = set()
    for file in sorted(package.rglob("*.py")):
        inside = file.relative_to(package).with_suffix("").parts
        part = inside[0]
        if part in ("__init__", "__main__"):
            continue
        names = imported_names(file.read_text(encoding="utf-8"), package.name)
        graph.setdefault(part, set()).update(name.split(".")[1] for name in names)
        if "_engine" in inside[1:]:
            engines.add(part)
    return {part: (others & set(graph)) - {part} for part, others in graph.items()}, engines


def floors_of(graph: Graph) -> dict[str, int]:
    """Length of the longest path of imports below each part.

    Raises
    ------
    ValueError
        Parts import each other in a circle.
    """
    floors: dict[str, int] = {}
    while len(floors) < len(graph):
        ready = [part for part in graph if part not in floors and graph[part] <= set(floors)]
        if not ready:
            circle = ", ".join(sorted(set(graph) - set(floors)))
            raise ValueError(f"parts import each other in a circle, among or below: {circle}")
        height = {
            part: max((floors[other] + 1 for other in graph[part]), default=0) for part in ready
        }
        floors.update(height)
    return floors


def reduced(graph: Graph) -> Graph:
    """Leave out each import that a path over other parts implies (the graph has no circle)."""

    def below(part: str) -> set[str]:
        return graph[part].union(*(below(other) for other in graph[part]))

    return {
        part: {one for one in others if not any(one in below(other) for other in others - {one})}
        for part, others in graph.items()
    }


# Layout: floors are rows, from the top down. An arrow over more than one floor passes each row
# between through a place of its own, so that it crosses no box.
BOX_WIDTH, BOX_HEIGHT, ENGINE_HEIGHT, GAP, ROW, MARGIN = 112, 34, 18, 14, 92, 24
PLACE_WIDTH = 10

Place = tuple[str, ...]


def rows_of(graph: Graph, floors: dict[str, int]) -> tuple[list[list[Place]], list[list[Place]]]:
    """Places of every row, the lowest first, and the chains of places that the arrows follow."""
    rows: list[list[Place]] = [[] for _ in range(max(floors.values()) + 1)]
    for part in sorted(graph):
        rows[floors[part]].append((part,))
    chains = []
    for part in sorted(graph):
        for other in sorted(graph[part]):
            between = [
                (part, other, str(row)) for row in range(floors[part] - 1, floors[other], -1)
            ]
            for place in between:
                rows[int(place[2])].append(place)
            chains.append([(part,), *between, (other,)])
    return rows, chains


def ordered(rows: list[list[Place]], chains: list[list[Place]]) -> dict[Place, float]:
    """Horizontal centre of every place: rows sorted by the mean position of their neighbours, up
    and down in turn, which keeps crossings few; ties stay in order of names.
    """
    near: dict[Place, list[Place]] = {place: [] for row in rows for place in row}
    for chain in chains:
        for upper, lower in itertools.pairwise(chain):
            near[upper].append(lower)
            near[lower].append(upper)

    def spread(row: list[Place]) -> dict[Place, float]:
        centre, at = {}, 0.0
        for place in row:
            width = BOX_WIDTH if len(place) == 1 else PLACE_WIDTH
            centre[place] = at + width / 2
            at += width + GAP
        middle = (at - GAP) / 2
        return {place: x - middle for place, x in centre.items()}

    x = {place: value for row in rows for place, value in spread(row).items()}
    for _ in range(12):
        for direction in (rows, rows[::-1]):
            for row in direction:
                mean = {
                    place: sum(x[one] for one in near[place]) / len(near[place])
                    if near[place]
                    else x[place]
                    for place in row
                }
                row.sort(key=lambda place: (round(mean[place], 6), place))
                x.update(spread(row))
    return x


def drawn(graph: Graph, engines: set[str]) -> str:
    """The figure as SVG text."""
    floors = floors_of(graph)
    arrows = reduced(graph)
    rows, chains = rows_of(arrows, floors)
    x = ordered(rows, chains)
    half = max(abs(value) for value in x.values()) + BOX_WIDTH / 2
    width, height = 2 * (half + MARGIN), ROW * len(rows) + MARGIN

    def top(place: Place) -> float:
        floor = floors[place[0]] if len(place) == 1 else int(place[2])
        return MARGIN + ROW * (len(rows) - 1 - floor)

    def bottom(place: Place) -> float:
        if len(place) > 1:
            return top(place) + BOX_HEIGHT
        return top(place) + BOX_HEIGHT + (ENGINE_HEIGHT if place[0] in engines else 0)

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" font-family="sans-serif" font-size="13">',
        "<title>The parts of statarb: an arrow points to what is imported</title>",
        "<!-- written by tools/architecture.py from the import statements; do not edit -->",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#555"/></marker></defs>',
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>',
    ]
    for chain in chains:
        path = ""
        for upper, lower in itertools.pairwise(chain):
            start, end = bottom(upper), top(lower)
            bend = (end - start) / 2
            left, right = x[upper] + half + MARGIN, x[lower] + half + MARGIN
            path += f"M{left:.1f} {start:.1f}" if not path else f"L{left:.1f} {start:.1f}"
            path += (
                f"C{left:.1f} {start + bend:.1f} {right:.1f} {end - bend:.1f} {right:.1f} {end:.1f}"
            )
        label = f"{chain[0][0]} imports {chain[-1][0]}"
        lines.append(
            f'<path d="{path}" fill="none" stroke="#555" marker-end="url(#tip)">'
            f"<title>{label}</title></path>"
        )
    for row in rows[::-1]:
        for place in row:
            if len(place) > 1:
                continue
            left, up = x[place] + half + MARGIN - BOX_WIDTH / 2, top(place)
            lines.append(
                f'<rect x="{left:.1f}" y="{up:.1f}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" '
                'fill="#e8f0f8" stroke="#345"/>'
            )
            middle = left + BOX_WIDTH / 2
            lines.append(
                f'<text x="{middle:.1f}" y="{up + 22:.1f}" text-anchor="middle">{place[0]}</text>'
            )
            if place[0] in engines:
                floor = up + BOX_HEIGHT
                lines.append(
                    f'<rect x="{left:.1f}" y="{floor:.1f}" width="{BOX_WIDTH}" '
                    f'height="{ENGINE_HEIGHT}" fill="#f4e6d2" stroke="#345"/>'
                )
                lines.append(
                    f'<text x="{middle:.1f}" y="{floor + 13:.1f}" text-anchor="middle" '
                    'font-size="11">_engine</text>'
                )
    return "\n".join([*lines, "</svg>", ""])


def main() -> int:
    """Write the figure, or check that it is that of the code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare, exit code 1 if it differs")
    check = parser.parse_args().check
    text = drawn(*parts_of(PACKAGE))
    if not check:
        FIGURE.parent.mkdir(parents=True, exist_ok=True)
        FIGURE.write_text(text, encoding="utf-8", newline="\n")
        print(f"written: {FIGURE.relative_to(ROOT)}")
        return 0
    if FIGURE.is_file() and FIGURE.read_text(encoding="utf-8") == text:
        return 0
    print(f"{FIGURE.relative_to(ROOT)} is not that of the code: run make figure", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
