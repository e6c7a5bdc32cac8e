"""A device of the person: it pairs with the gateway and offers what it can do."""
