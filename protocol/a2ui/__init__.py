"""A2UI: interfaces that agents draw, as a stream of JSON messages. Versions 0.8 and 0.9.

`lines` reads a push, `schemas` holds each message to the published schema, `surfaces` keeps what is drawn and
refuses what no renderer could draw in bounded time. `page` is the source of the page that draws, with the
official renderer; built, it lies in `dist`, and gateway and node serve it from there.

Source: A2UI specification v0.8 and v0.9 (a2ui.org), and the limits of OpenClaw 2026.9.6.
"""
