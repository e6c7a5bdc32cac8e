"""`python -m device_node` is `homarus node`."""

import sys

from device_node.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
