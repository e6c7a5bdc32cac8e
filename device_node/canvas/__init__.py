"""The canvas of a computer: a Chromium this node starts, and the page on it."""
