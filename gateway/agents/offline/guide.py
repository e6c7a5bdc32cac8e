"""The assistant's own words: what it can do, and what a model would add."""

from typing import Final

MODEL_HINT: Final = (
    "To connect a model, add to homarus.toml, for example for Ollama on this machine:\n"
    "    [agents.providers.ollama]\n"
    '    base_url = "http://127.0.0.1:11434/v1"\n'
    "    [agents.model]\n"
    '    primary = "ollama/qwen3:4b"\n'
    "The change takes effect at once."
)

_ABILITIES: Final = (
    '- "status": how the gateway is, and what needs care',
    '- "who is connected", "devices", "describe device kitchen"',
    '- "list my nodes", "run uptime on laptop", "notify me that dinner is ready"',
    '- "show my devices", "make a checklist: milk, bread": drawn on a canvas, to tap',
    '- "sessions": your latest conversations; "agents": who else is here',
    '- "remember that the spare key is at Anna\'s", then "what do you know about the key"',
    '- "what do you remember", "forget number 3"',
    '- "what time is it", "what is 15% of 80"',
)


def help_text() -> str:
    """Everything that works without a model."""
    return "\n".join(
        [
            "I am the offline assistant of this gateway. I work without network and without a model:",
            *_ABILITIES,
            "Free conversation, writing and reasoning need a model. " + MODEL_HINT,
        ]
    )


def greeting() -> str:
    """Hello."""
    return 'Hello! I am the offline assistant of this gateway. Say "help" to see what I can do.'


def welcome() -> str:
    """You are welcome."""
    return "You are welcome."


def bye() -> str:
    """Goodbye."""
    return "Goodbye. Everything you asked me to remember is kept."


def identity() -> str:
    """What this is."""
    return (
        "I am the offline assistant of this Homarus gateway: a small program with fixed abilities, not a "
        'language model. Say "help" to see what I can do, or "which model" to read how to connect one.'
    )


def model_text() -> str:
    """Which model answers, and how to get another."""
    return (
        "No language model answers here: this is homarus/offline, a small program inside the gateway. With a "
        "model I could hold a free conversation, write, translate, summarise and use my tools by myself.\n"
        + MODEL_HINT
    )


def not_understood(text: str, attachments: int) -> str:
    """What was heard, why there is no answer to it, and the next step."""
    shown = text if len(text) <= 200 else f"{text[:200]}…"
    heard = f"I read: “{shown}”" if shown else "Your message has no text"
    plural = "s" if attachments > 1 else ""
    files = f", with {attachments} attachment{plural} I cannot look into" if attachments else ""
    return (
        f"{heard}{files}. I am the offline assistant and answer only simple requests; this one needs a "
        'language model. Say "which model" to read how to connect one, "help" for what works now, or '
        '"remember that …" to keep it.'
    )
