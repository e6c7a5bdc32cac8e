"""One decision for every action: what is forbidden, what needs a person's yes, and why.

Stages in fixed order each say what they think, as small functions of the facts; the strictest opinion wins.
Nothing here reads a file, a clock or the network.
"""
