"""How Homarus is told to ask the scripted model: the one place that knows the keys of `homarus.toml`."""

import json
from collections.abc import Sequence

from tests.support.model_server import API_KEY, MODEL_ID


def scripted_config(model_url: str, trusted_proxies: Sequence[str] = ()) -> str:
    """`homarus.toml` whose default agent is an `llm` agent at `model_url`."""
    return f"""
[gateway]
trusted_proxies = {json.dumps(list(trusted_proxies))}

[agents.model]
primary = "local/{MODEL_ID}"

[agents.providers.local]
base_url = "{model_url}"
api_key = "{API_KEY}"
"""
