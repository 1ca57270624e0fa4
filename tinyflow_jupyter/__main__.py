"""``python -m tinyflow_jupyter`` is the command ``tinyflow``."""

import sys

from tinyflow_runtime.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
