"""`python -m auditor DIR`."""

import sys

from auditor.main import main

sys.exit(main(sys.argv[1:]))
