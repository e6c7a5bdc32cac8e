"""Which arrays a change would shorten: a client that saw a cut-off copy must not clobber the rest."""

from collections.abc import Iterator, Mapping

from gateway.kernel.config.tree import as_array, as_table


def shortened_arrays(old: Mapping[str, object], new: Mapping[str, object], prefix: str = "") -> Iterator[str]:
    """Dotted paths of arrays that lose an entry or vanish from `old` to `new`."""
    for name, before in old.items():
        path = f"{prefix}{name}"
        after = new.get(name)
        table, array = as_table(before), as_array(before)
        if table is not None:
            yield from shortened_arrays(table, as_table(after) or {}, f"{path}.")
        elif array is not None:
            kept = as_array(after)
            if kept is None or any(entry not in kept for entry in array):
                yield path
