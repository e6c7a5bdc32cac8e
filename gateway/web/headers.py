"""What every answer that a browser shows or runs carries."""

from typing import Final

HEADERS: Final = {
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}

_RULES: Final = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    # Pictures in a conversation are data; codes to scan too.
    "img-src 'self' data: blob:",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    # No text becomes markup or script except through these two: templates, and the sanitiser.
    "require-trusted-types-for 'script'",
    "trusted-types lit-html dompurify",
)

PAGE_POLICY: Final = "; ".join(_RULES)
"""Content-Security-Policy of the control page: it loads and contacts nothing but this gateway."""
