"""The person behind operator connections."""

from protocol.method import Wire


class UserProfile(Wire):
    """A person. Homarus has one, `gateway-owner`; the shape is OpenClaw's, which has many."""

    id: str
    display_name: str | None
    avatar_mime: str | None
    merged_into: str | None
    created_at: int
    """Milliseconds."""
    updated_at: int
    """Milliseconds."""
    emails: list[str]
    github_identity: str | None
    has_avatar: bool
