#!/usr/bin/env bash
# Build the wheel, install it in an empty environment, and run the full pipeline from it in an empty
# folder, away from the repository. The environment gets what the wheel itself declares and nothing
# else, in the versions and with the hashes of requirements.lock: a dependency that is imported but
# not declared, or a file that the wheel lacks, fails here.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
uv=$root/${VENV:-.venv}/bin/uv
builder=$root/${VENV:-.venv}/bin/python
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset PYTHONPATH PYTHONHOME

"$builder" -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir "$work/wheel" .
"$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
    --constraints requirements.lock -o "$work/declared.lock" pyproject.toml

"${PYTHON:-python3}" -m venv "$work/env"
"$work/env/bin/python" -m pip install --quiet --require-hashes -r "$work/declared.lock"
"$work/env/bin/python" -m pip install --quiet --no-deps "$work"/wheel/statarb-*.whl
"$work/env/bin/python" -m pip check

mkdir "$work/empty"
cd "$work/empty"
home=$("$work/env/bin/python" -c 'import statarb; print(statarb.__file__)')
case $home in
    "$work"/env/*) ;;
    *) echo "statarb was imported from $home, not from the wheel" >&2; exit 1 ;;
esac
"$work/env/bin/statarb" --version
"$work/env/bin/statarb" run --out out
for name in market.parquet league.csv portfolio_sim.csv value.parquet orders.parquet metrics.json \
    report.html forecast/metrics.json; do
    test -s "out/$name" || { echo "statarb run wrote no $name" >&2; exit 1; }
done
echo "the wheel works on its own: $(basename "$work"/wheel/statarb-*.whl)"
