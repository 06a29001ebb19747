"""`python -m statarb`: the command line."""

import sys

from statarb.cli import main

if __name__ == "__main__":
    sys.exit(main())
