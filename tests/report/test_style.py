"""Looks: colours that can be told apart, names that cannot break a figure, numbers, and SVG that
does not change.
"""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ET

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from statarb.report import formats
from statarb.report.style import CASH, PALETTE, REST, SECOND, SERIES, drawing, plain_label, svg_text

# Machado, Oliveira and Fernandes (2009, IEEE Transactions on Visualization and Computer Graphics
# 15, 1291-1298), severity 1.
BLINDNESS = {
    "none": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
SRGB = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)


def linear(colour):
    part = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255.0
    return np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)


def lab(light):
    """CIE 1976 L*a*b* of linear sRGB light, white point D65."""
    ratio = SRGB @ np.clip(light, 0.0, 1.0) / SRGB.sum(axis=1)
    root = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])


def contrast(first, second):
    """Ratio of luminances as the Web Content Accessibility Guidelines 2.1 have it."""
    lights = sorted((SRGB[1] @ linear(colour) for colour in (first, second)), reverse=True)
    return (lights[0] + 0.05) / (lights[1] + 0.05)


@pytest.mark.parametrize("kind", BLINDNESS)
def test_colours_are_told_apart(kind):
    seen = {
        colour: lab(np.asarray(BLINDNESS[kind]) @ linear(colour))
        for colour in (*PALETTE, REST, CASH)
    }
    for one, other in itertools.combinations(seen, 2):
        # a difference of 2.3 is just noticed; areas of a legend need several times that
        assert np.linalg.norm(seen[one] - seen[other]) > 20.0, (
            f"{one} and {other} look alike ({kind})"
        )


def test_the_two_main_colours_stand_out_from_white():
    assert min(contrast(colour, "#ffffff") for colour in (SERIES, SECOND)) > 3.0


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("lead_lag", "lead_lag"),
        ("_hidden", " _hidden"),
        ("$x$", r"\$x\$"),
        ("a\n b", "a b"),
        ("", "(no name)"),
        (1442, "1442"),
        (
            "abcdefghijklmnopqrstuvwxyz0123456789",
            "abcdefghijklmnopq\N{HORIZONTAL ELLIPSIS}23456789",
        ),
    ],
)
def test_names_are_made_harmless(name, shown):
    assert plain_label(name) == shown


def test_numbers_are_written_as_people_read_them():
    assert formats.signed_percent(0.12345) == "+12.35 %"
    assert formats.signed_percent(-0.5) == "\N{MINUS SIGN}50.00 %"
    assert formats.signed_percent(-1e-9) == "0.00 %"
    assert formats.ratio(float("inf")) == "\N{INFINITY}"
    assert formats.ratio("-inf") == "\N{MINUS SIGN}\N{INFINITY}"
    assert formats.amount(1234567.891) == "1,234,567.89"
    assert [formats.money(value) for value in (7.612, -999.994, 12345.6)] == [
        "7.61",
        "\N{MINUS SIGN}999.99",
        "12,346",
    ]
    assert (
        formats.count(None) == formats.count(float("nan")) == formats.count("many") == "\N{EN DASH}"
    )
    assert formats.date("2018-01-25 00:00:00") == "2018-01-25 00:00"
    assert formats.date("2018-01-25 00:00:04") == "2018-01-25 00:00:04"


def example(name="one"):
    with drawing():
        figure = Figure(figsize=(3, 2), layout="constrained")
        ax = figure.subplots()
        ax.plot([0, 1, 2], [0.0011119, 0.0022229, 0.0033339], marker="o", label="0.00123 <b>")
        ax.set_ylabel("0.00123 <b> \N{CJK UNIFIED IDEOGRAPH-5E63}")
        ax.legend()
        return svg_text(figure, name, 'a "figure" <of> mine')


def test_svg_is_the_same_every_time_whatever_the_user_has_set():
    first = example()
    with mpl.rc_context(
        {"font.size": 30, "lines.linewidth": 9, "svg.hashsalt": "other", "axes.facecolor": "red"}
    ):
        assert example() == first


def test_svg_is_self_contained_in_a_page():
    text = example()
    root = ET.fromstring(text)
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    assert all(one.startswith("one-") for one in ids)
    assert root.get("role") == "img"
    assert root.get("aria-label") == 'a "figure" <of> mine'
    assert "".join(root.itertext()).count("0.00123 <b>") == 2
    assert "<metadata" not in text
    assert "<style" not in text
    assert "DejaVu" not in text
    targets = {
        value.lstrip("#")
        for element in root.iter()
        for key, value in element.attrib.items()
        if key.endswith("href")
    }
    assert targets <= set(ids)
    assert not {element.get("id") for element in ET.fromstring(example("two")).iter()} & set(ids)
