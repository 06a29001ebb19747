"""Fetch NYSE(O), on which online portfolio selection has published its figures, for the tests.

NYSE(O) (Cover 1991, Mathematical Finance 1(1); Helmbold et al. 1998) holds the cumulated price
relatives of 36 stocks of the New York Stock Exchange over 5651 days, 1962 to 1984. It is not part
of this project. The package universal-portfolios carries it in its wheel; that package itself asks
for pandas below 3, so it is not installed: pip downloads the pinned wheel and checks its hash, the
one file is taken out of it and checked again, and the wheel is dropped.

The file lands in ``data/external``, which git ignores. Where it cannot be had, the reason is
written beside it, the tests of the published figures are skipped with that reason, and the exit
code is 0, so that a computer without a network can run the other tests. ``--strict`` makes it 1.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

WHEEL = "universal-portfolios==0.4.17"
WHEEL_SHA256 = "5da294f188c08a911815f5e406907563fbdf0319890da47aaf4134473845ac67"
MEMBER = "universal/data/nyse_o.csv"
MEMBER_SHA256 = "b2f26e2ce08d12871b631f02c0990637ab7bde02c2a90f4f804b0dd24cb6820d"
TARGET = Path(__file__).resolve().parents[1] / "data" / "external" / "nyse_o.csv"


def reason_file(target: Path) -> Path:
    """Where the reason stands why there is no file."""
    return target.with_name(target.name + ".absent.txt")


def is_intact(target: Path, sha256: str = MEMBER_SHA256) -> bool:
    """Whether a file is there and has the hash."""
    return target.is_file() and hashlib.sha256(target.read_bytes()).hexdigest() == sha256


def download(folder: Path, requirement: str = WHEEL, sha256: str = WHEEL_SHA256) -> Path:
    """Download one wheel with pip, which refuses any other hash, and nothing that it depends on.

    Raises
    ------
    OSError
        pip failed; the message is the last line of what it said.
    """
    pinned = folder / "requirements.txt"
    pinned.write_text(f"{requirement} --hash=sha256:{sha256}\n", encoding="utf-8")
    words = ["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    words += ["--require-hashes", "--only-binary=:all:", "--retries", "1", "--timeout", "60"]
    words += ["--dest", str(folder), "-r", str(pinned)]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise OSError(f"pip cannot download {requirement}: {said[-1] if said else done.stderr}")
    return wheels[0]


def extract(wheel: Path, target: Path, member: str = MEMBER, sha256: str = MEMBER_SHA256) -> None:
    """Take one file out of a wheel, whole or not at all.

    Raises
    ------
    OSError
        The wheel has no such file, or the file has another hash.
    """
    with zipfile.ZipFile(wheel) as archive:
        if member not in archive.namelist():
            raise OSError(f"{wheel.name} holds no {member}")
        content = archive.read(member)
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise OSError(f"{member} of {wheel.name} has the hash {found}, not {sha256}")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    part.write_bytes(content)
    part.replace(target)


def fetch(target: Path = TARGET) -> str | None:
    """Have the file; return None, or the reason why it cannot be had."""
    why = reason_file(target)
    if not is_intact(target):
        target.unlink(missing_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with tempfile.TemporaryDirectory() as folder:
                extract(download(Path(folder)), target)
        except OSError as error:
            why.write_text(f"{error}\n", encoding="utf-8")
            return str(error)
    why.unlink(missing_ok=True)
    return None


def main() -> int:
    """Fetch, and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--strict", action="store_true", help="exit code 1 where it cannot be had")
    strict = parser.parse_args().strict
    reason = fetch()
    if reason is None:
        print(f"NYSE(O) is in {TARGET}")
        return 0
    print(f"NYSE(O) cannot be had, its tests are skipped: {reason}", file=sys.stderr)
    return int(strict)


if __name__ == "__main__":
    sys.exit(main())
