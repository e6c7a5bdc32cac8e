"""Files inside a message: checked by their size on the wire before a byte is decoded, then kept as blobs."""

import base64
import binascii
import re
from collections.abc import Sequence
from typing import Final

from gateway.inbox.model import StoredAttachment
from gateway.kernel.store.blobs import BlobStore
from protocol.errors import InvalidRequest
from protocol.limits import MAX_ATTACHMENT_BYTES, MAX_IMAGE_BYTES
from protocol.methods.chat import AttachmentUpload

_DATA_URL: Final = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w=.+-]+)*;base64,", re.ASCII)

_MIME: Final = re.compile(r"[\w.+-]{1,64}/[\w.+-]{1,64}", re.ASCII)

UNKNOWN_MIME: Final = "application/octet-stream"

MAX_NAME_CHARS: Final = 255
"""Longest file name of common file systems."""


async def keep(uploads: Sequence[AttachmentUpload], blobs: BlobStore) -> tuple[StoredAttachment, ...]:
    """Put the files of a message on disk.

    Raises:
        InvalidRequest: naming the attachment, when it is too large, empty or not Base64; none was stored.
        StoreUnavailable: when the disk failed.
    """
    files = [_decoded(upload, f"attachments/{index}") for index, upload in enumerate(uploads)]
    kept: list[StoredAttachment] = []
    for mime_type, name, data in files:
        blob = await blobs.put(data)
        kept.append(
            StoredAttachment(sha256=blob.sha256, size_bytes=blob.size, mime_type=mime_type, file_name=name)
        )
    return tuple(kept)


def _decoded(upload: AttachmentUpload, field: str) -> tuple[str, str | None, bytes]:
    head = _DATA_URL.match(upload.content)
    body = upload.content[head.end() :] if head else upload.content
    mime_type = (upload.mime_type or (head[1] if head else None) or UNKNOWN_MIME).lower()
    if _MIME.fullmatch(mime_type) is None:
        raise InvalidRequest(f"{field}/mimeType: write it as type/subtype", {"field": f"{field}/mimeType"})
    limit = MAX_IMAGE_BYTES if mime_type.startswith("image/") else MAX_ATTACHMENT_BYTES
    # Four characters carry three bytes: the size is known without decoding.
    if len(body) * 3 // 4 > limit + 2:
        raise _too_large(field, limit)
    try:
        data = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest(f"{field}/content: is not Base64", {"field": f"{field}/content"}) from error
    if not data:
        raise InvalidRequest(f"{field}/content: is empty", {"field": f"{field}/content"})
    if len(data) > limit:
        raise _too_large(field, limit)
    return mime_type, _safe_name(upload.file_name), data


def _too_large(field: str, limit: int) -> InvalidRequest:
    return InvalidRequest(
        f"{field}: is larger than {limit} bytes",
        {"field": field, "maxBytes": limit, "code": "ATTACHMENT_TOO_LARGE"},
    )


def _safe_name(name: str | None) -> str | None:
    """The last part of a file name, without what could leave a folder or spoof a line."""
    if not name:
        return None
    last = name.replace("\\", "/").rpartition("/")[2]
    clean = "".join(char for char in last if char.isprintable()).strip(". ")
    return clean[:MAX_NAME_CHARS] or None
