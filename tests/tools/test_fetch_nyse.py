"""The step that fetches NYSE(O): what it takes from a wheel, what it refuses, what it says."""

from __future__ import annotations

import hashlib
import subprocess
import zipfile
from pathlib import Path

import pytest

from tools import fetch_nyse

CONTENT = b"A,B\n1.01,0.99\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "package-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("package/data.csv", CONTENT)
    return path


def test_the_file_is_taken_out_byte_by_byte(wheel, tmp_path):
    target = tmp_path / "new" / "folder" / "data.csv"
    fetch_nyse.extract(wheel, target, "package/data.csv", SHA256)
    assert target.read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir()] == ["data.csv"]


@pytest.mark.parametrize(
    ("member", "sha256", "message"),
    [
        ("package/other.csv", SHA256, "holds no package/other.csv"),
        ("package/data.csv", "0" * 64, f"has the hash {SHA256}, not 0000"),
    ],
)
def test_another_file_or_content_is_refused(wheel, tmp_path, member, sha256, message):
    target = tmp_path / "out" / "data.csv"
    with pytest.raises(OSError, match=message):
        fetch_nyse.extract(wheel, target, member, sha256)
    assert not target.exists()


def test_pip_is_asked_for_one_hash_and_no_dependencies(monkeypatch, tmp_path):
    asked = {}

    def pip(words, **_):
        asked["words"] = words
        asked["pinned"] = Path(words[words.index("-r") + 1]).read_text(encoding="utf-8")
        (tmp_path / "package-1.0-py3-none-any.whl").write_bytes(b"")
        return subprocess.CompletedProcess(words, 0, "", "")

    monkeypatch.setattr(fetch_nyse.subprocess, "run", pip)
    fetch_nyse.download(tmp_path)
    assert {"--no-deps", "--require-hashes", "--only-binary=:all:"} <= set(asked["words"])
    assert asked["pinned"].split() == [
        fetch_nyse.WHEEL,
        f"--hash=sha256:{fetch_nyse.WHEEL_SHA256}",
    ]


def test_where_it_cannot_be_had_the_reason_is_kept_until_it_can(monkeypatch, tmp_path, wheel):
    target = tmp_path / "external" / "nyse_o.csv"
    target.parent.mkdir()
    target.write_bytes(b"damaged")

    def no_network(folder):
        raise OSError("pip cannot download it: no route")

    monkeypatch.setattr(fetch_nyse, "download", no_network)
    assert fetch_nyse.fetch(target) == "pip cannot download it: no route"
    assert not target.exists()
    assert "no route" in fetch_nyse.reason_file(target).read_text(encoding="utf-8")

    monkeypatch.setattr(fetch_nyse, "download", lambda folder: wheel)
    monkeypatch.setattr(fetch_nyse, "extract", lambda wheel, target: target.write_bytes(CONTENT))
    assert fetch_nyse.fetch(target) is None
    assert [path.name for path in target.parent.iterdir()] == ["nyse_o.csv"]


def test_an_intact_file_is_not_fetched_again(monkeypatch, tmp_path):
    target = tmp_path / "nyse_o.csv"
    target.write_bytes(CONTENT)
    assert fetch_nyse.is_intact(target, SHA256)
    assert not fetch_nyse.is_intact(target)
    assert not fetch_nyse.is_intact(tmp_path / "absent.csv", SHA256)
    monkeypatch.setattr(fetch_nyse, "is_intact", lambda target: True)
    monkeypatch.setattr(fetch_nyse, "download", lambda folder: pytest.fail("fetched again"))
    assert fetch_nyse.fetch(target) is None
