"""Files inside messages: bounded before they are decoded, kept once, handed to the agent."""

import base64
from pathlib import Path

import pytest

from gateway.chat import attachments
from gateway.chat.attachments import keep
from gateway.kernel.store.blobs import BlobStore
from protocol.errors import InvalidRequest
from protocol.methods.chat import AttachmentUpload
from tests.gateway.chat.house import opened


def b64(data: bytes) -> str:
    """Base64 text."""
    return base64.b64encode(data).decode()


def files_in(folder: Path) -> list[Path]:
    """Every file below a folder."""
    return [path for path in folder.rglob("*") if path.is_file()]


class TestKeep:
    """Checks and storage."""

    async def test_plain_and_data_urls_are_kept(self, tmp_path: Path) -> None:
        blobs = BlobStore(tmp_path)
        kept = await keep(
            [
                AttachmentUpload(content=b64(b"text"), mime_type="text/plain", file_name="a.txt"),
                AttachmentUpload(content=f"data:image/png;base64,{b64(b'png')}"),
                AttachmentUpload(content=b64(b"?")),
            ],
            blobs,
        )
        assert [(k.mime_type, k.size_bytes, k.file_name) for k in kept] == [
            ("text/plain", 4, "a.txt"),
            ("image/png", 3, None),
            ("application/octet-stream", 1, None),
        ]
        assert await blobs.get(kept[0].sha256) == b"text"

    @pytest.mark.parametrize(
        ("upload", "reason"),
        [
            (AttachmentUpload(content="not base64!"), "attachments/0/content: is not Base64"),
            (AttachmentUpload(content="\u00e9\u00e9\u00e9\u00e9"), "attachments/0/content: is not Base64"),
            (AttachmentUpload(content=""), "attachments/0/content: is empty"),
            (AttachmentUpload(content=b64(b"x"), mime_type="oops"), "attachments/0/mimeType"),
            (AttachmentUpload(content=b64(b"x"), mime_type="a/b\r\nX: y"), "attachments/0/mimeType"),
        ],
    )
    async def test_what_cannot_be_used_is_refused(
        self, tmp_path: Path, upload: AttachmentUpload, reason: str
    ) -> None:
        with pytest.raises(InvalidRequest, match=reason):
            await keep([upload], BlobStore(tmp_path))

    async def test_size_is_checked_before_decoding(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(attachments, "MAX_ATTACHMENT_BYTES", 9)
        monkeypatch.setattr(attachments, "MAX_IMAGE_BYTES", 3)
        # Not Base64 at all: only a check of the length can be what refuses it.
        with pytest.raises(InvalidRequest, match="larger than 9 bytes"):
            await keep([AttachmentUpload(content="!" * 20)], BlobStore(tmp_path))
        with pytest.raises(InvalidRequest, match="larger than 3 bytes"):
            await keep([AttachmentUpload(content=b64(b"four"), mime_type="image/png")], BlobStore(tmp_path))
        (exact,) = await keep([AttachmentUpload(content=b64(b"nine byte"))], BlobStore(tmp_path))
        assert exact.size_bytes == 9

    async def test_nothing_is_stored_when_one_file_is_bad(self, tmp_path: Path) -> None:
        good, bad = AttachmentUpload(content=b64(b"good")), AttachmentUpload(content="!")
        with pytest.raises(InvalidRequest, match="attachments/1"):
            await keep([good, bad], BlobStore(tmp_path))
        assert files_in(tmp_path) == []

    @pytest.mark.parametrize(
        ("given", "kept"),
        [
            ("../../etc/passwd", "passwd"),
            ("C:\\temp\\a.txt", "a.txt"),
            ("a\nb.txt", "ab.txt"),
            ("\u202egpj.exe", "gpj.exe"),
            ("...", None),
            ("", None),
        ],
    )
    async def test_a_file_name_is_only_a_name(self, tmp_path: Path, given: str, kept: str | None) -> None:
        (stored,) = await keep([AttachmentUpload(content=b64(b"x"), file_name=given)], BlobStore(tmp_path))
        assert stored.file_name == kept


class TestOnTheRoad:
    """From the request to the agent."""

    async def test_the_agent_can_read_what_was_sent(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            upload = AttachmentUpload(content=b64(b"words"), mime_type="text/plain", file_name="a.txt")
            await house.send("see file", "k1", attachments=(upload,))
            await house.watcher.ended("k1")
            (attachment,) = house.agents.turns[0].attachments
            assert (attachment.media_type, attachment.size_bytes) == ("text/plain", 5)
            assert await attachment.read() == b"words"
            assert (await house.said())[0] == ("user", "see file\n<file>")

    async def test_a_file_needs_no_words(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            await house.send("", "k1", attachments=(AttachmentUpload(content=b64(b"x")),))
            assert (await house.watcher.ended("k1"))["state"] == "final"
