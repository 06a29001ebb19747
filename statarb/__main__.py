"""`python -m statarb`: the command line."""

import sys

from statarb.cli import main

sys.exit(main())
