#!/usr/bin/env bash
# joblib: a surrounding parallel_config(backend="loky") overrules prefer="threads" of the call.
#
# Guess:   Parallel(prefer="threads") runs in threads, so tasks may write into an array of the
#          caller.
# Happens: prefer is a hint: whoever calls the library inside parallel_config(backend="loky") (or a
#          Dask context) gets processes. What tasks write into the caller's array is written into
#          copies and lost, without an error. require="sharedmem" is the setting that is kept.
# Source:  joblib documentation of Parallel, parameters prefer and require; thread-based
#          parallelism in the user guide.
# Matters: results collected by side effect are silently wrong for users of clusters. statarb
#          returns results from tasks, and tests its imputations in every context.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "joblib==1.5.2" "numpy==2.3.5"
cat > "$work/side.py" <<'P'
import joblib
import numpy as np


def main() -> None:
    print("joblib", joblib.__version__)
    found = {}
    for context in (None, "loky"):
        filled = np.zeros(4)

        def put(place: int) -> None:
            filled[place] = 1.0

        def run() -> None:
            joblib.Parallel(n_jobs=2, prefer="threads")(joblib.delayed(put)(k) for k in range(4))

        if context is None:
            run()
        else:
            with joblib.parallel_config(backend=context):
                run()
        found[context] = filled.sum()
        print(f"surrounding context {context}: {filled.sum():.0f} of 4 written")
    assert found[None] == 4 and found["loky"] == 0, "prefer is no longer overruled"


if __name__ == "__main__":
    main()
P
"$work/venv/bin/python" "$work/side.py"
