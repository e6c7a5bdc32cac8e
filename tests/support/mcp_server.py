"""A small server of tools over the Model Context Protocol, on stdin and stdout, or on a port.

Run it with ``python -m tests.support.mcp_server [PORT]``.
"""

import os
import sys
import time

from mcp.server.mcpserver import MCPServer

SERVER = MCPServer("small")


@SERVER.tool()
def shout(word: str) -> str:
    """Say a word loudly."""
    return word.upper()


@SERVER.tool()
def fail(word: str) -> str:
    """Always fails."""
    raise ValueError(f"cannot {word}")


@SERVER.tool()
def slow() -> str:
    """Takes a minute."""
    time.sleep(60)
    return "late"


@SERVER.tool()
def environment(name: str) -> str:
    """A variable of the server's environment."""
    return os.environ.get(name, "absent")


@SERVER.tool()
def die() -> str:
    """Ends the server."""
    os._exit(3)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        SERVER.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
    else:
        SERVER.run("stdio")
