"""Device proofs: a recorded one verifies, and nothing that only resembles one (row DC-1, attack case 10)."""

import base64
import hashlib
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.connect import ClientInfo, ConnectAuth, ConnectParams
from protocol.signature import (
    FIELD_PRIME,
    GROUP_ORDER,
    SMALL_ORDER_Y,
    DeviceIdentity,
    ProofClaim,
    ProofVersion,
    decode_base64url,
    device_id_of,
    encode_base64url,
    signed_token,
    usable_public_key,
    verify,
)

# The constant of the curve's equation -x² + y² = 1 + d·x²·y². Source: RFC 8032, section 5.1.
CURVE_D = -121665 * pow(121666, FIELD_PRIME - 2, FIELD_PRIME) % FIELD_PRIME

# A proof the OpenClaw 2026.9.6 terminal client sent to its own gateway.
RECORDED_KEY = "k2Nv9ZtGO7Wk3BWBOU7F2A7Oz1HgmNM_0LsUH290EZk"
RECORDED_SIGNATURE = "QuSzrqayKEzuaLH67tzQed5eABApIulI2Gmz1fmQl1Kvs6l97NqB4s4LxHt6JZwy-nisIfh8sJ4ID-XEoqqGBg"
RECORDED_CLAIM = ProofClaim(
    device_id="54b6eca497b1bef31f25580b35f81d4307f2655ca7ea1bfd9a0604b688fd79c8",
    client_id="openclaw-tui",
    client_mode="ui",
    role="operator",
    scopes=("operator.admin", "operator.read", "operator.write", "operator.approvals"),
    signed_at_ms=1795192120476,
    token="tok",
    nonce="6fa18510-211f-44ae-87a9-bfebcfc68756",
    platform="linux",
    device_family="Linux",
)
NOW_MS = 1_795_200_000_000


def params(**changes: object) -> ConnectParams:
    plain = ConnectParams(
        min_protocol=4,
        max_protocol=4,
        client=ClientInfo(id="cli", version="1", platform="linux", mode="cli", device_family="Linux"),
        scopes=("operator.read", "operator.write"),
        auth=ConnectAuth(token="secret"),
    )
    return msgspec.structs.replace(plain, **changes)


def signed(version: ProofVersion = "v3") -> tuple[DeviceIdentity, ProofClaim, bytes]:
    identity = DeviceIdentity.generate()
    proof = identity.prove(params(), "nonce", NOW_MS, version)
    signature = decode_base64url(proof.signature)
    assert signature is not None
    return identity, ProofClaim.of(params(), identity.device_id, "nonce", NOW_MS), signature


def test_a_recorded_proof_of_the_terminal_client_verifies() -> None:
    key, signature = decode_base64url(RECORDED_KEY), decode_base64url(RECORDED_SIGNATURE)
    assert key is not None
    assert signature is not None
    assert device_id_of(key) == RECORDED_CLAIM.device_id
    assert verify(RECORDED_CLAIM, key, signature) == "v3"
    assert RECORDED_CLAIM.payload("v3").decode().endswith("|6fa18510-211f-44ae-87a9-bfebcfc68756|linux|linux")


@pytest.mark.parametrize("version", ["v2", "v3"])
def test_both_payload_versions_are_told_apart(version: ProofVersion) -> None:
    identity, claim, signature = signed(version)
    assert verify(claim, identity.public_key, signature) == version


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("device_id", "0" * 64),
        ("client_id", "openclaw-tui"),
        ("client_mode", "ui"),
        ("role", "node"),
        ("scopes", ("operator.admin",)),
        ("scopes", ("operator.write", "operator.read")),
        ("signed_at_ms", NOW_MS + 1),
        ("token", "other"),
        ("nonce", "other"),
        ("platform", "darwin"),
        ("device_family", "Mac"),
    ],
)
def test_a_claim_other_than_the_signed_one_is_refused(field: str, value: object) -> None:
    identity, claim, signature = signed()
    assert verify(msgspec.structs.replace(claim, **{field: value}), identity.public_key, signature) is None


def test_v2_leaves_platform_and_family_open() -> None:
    identity, claim, signature = signed("v2")
    other = msgspec.structs.replace(claim, platform="darwin", device_family="Mac")
    assert verify(other, identity.public_key, signature) == "v2"


def test_platform_and_family_are_trimmed_and_lowercased_in_ascii_only() -> None:
    claim = msgspec.structs.replace(RECORDED_CLAIM, platform="  MacOS İ ", device_family="IPHONE")
    assert claim.payload("v3").decode().endswith("|macos İ|iphone")


@pytest.mark.parametrize(
    ("auth", "token"),
    [
        (None, ""),
        (ConnectAuth(), ""),
        (ConnectAuth(password="p"), ""),
        (ConnectAuth(bootstrap_token="b"), "b"),
        (ConnectAuth(bootstrap_token="b", device_token="d"), "d"),
        (ConnectAuth(bootstrap_token="b", device_token="d", token="t"), "t"),
        (ConnectAuth(device_token="d", token=""), "d"),
    ],
)
def test_the_signed_credential_is_the_first_that_is_there(auth: ConnectAuth | None, token: str) -> None:
    assert signed_token(auth) == token


def test_a_signature_is_refused_when_its_s_is_raised_by_the_group_order() -> None:
    identity, claim, signature = signed()
    s = int.from_bytes(signature[32:], "little") + GROUP_ORDER
    malleable = signature[:32] + s.to_bytes(32, "little")
    assert verify(claim, identity.public_key, malleable) is None


@pytest.mark.parametrize("size", [0, 31, 63, 65])
def test_a_signature_of_another_length_is_refused(size: int) -> None:
    identity, claim, signature = signed()
    assert verify(claim, identity.public_key, (signature * 2)[:size]) is None


def small_order_keys() -> Iterator[bytes]:
    for y in SMALL_ORDER_Y:
        for sign in (0, 1):
            yield (y | sign << 255).to_bytes(32, "little")


def times_eight_is_identity(y: int) -> bool:
    """Double the point with this y three times, in plain integers, and look whether it vanishes."""
    u, v = (y * y - 1) % FIELD_PRIME, (CURVE_D * y * y + 1) % FIELD_PRIME
    x = u * pow(v, 3, FIELD_PRIME) * pow(u * pow(v, 7, FIELD_PRIME), (FIELD_PRIME - 5) // 8, FIELD_PRIME)
    x %= FIELD_PRIME
    if v * x * x % FIELD_PRIME != u:
        x = x * pow(2, (FIELD_PRIME - 1) // 4, FIELD_PRIME) % FIELD_PRIME
    assert v * x * x % FIELD_PRIME == u, "no point of the curve has this y"
    for _ in range(3):
        product = CURVE_D * x * x * y * y % FIELD_PRIME
        x, y = (
            2 * x * y * pow(1 + product, FIELD_PRIME - 2, FIELD_PRIME) % FIELD_PRIME,
            (y * y + x * x) * pow(1 - product, FIELD_PRIME - 2, FIELD_PRIME) % FIELD_PRIME,
        )
    return (x, y) == (0, 1)


def test_the_listed_coordinates_are_those_of_small_order() -> None:
    assert len(SMALL_ORDER_Y) == 5
    assert all(times_eight_is_identity(y) for y in SMALL_ORDER_Y)
    assert not times_eight_is_identity(4 * pow(5, FIELD_PRIME - 2, FIELD_PRIME) % FIELD_PRIME), (
        "the base point"
    )


def test_keys_under_which_anyone_can_sign_are_refused() -> None:
    """Attack case 10. With the identity as key, R = identity and S = 0 signs every text."""
    identity_point = (1).to_bytes(32, "little")
    universal = identity_point + bytes(32)
    assert verify(RECORDED_CLAIM, identity_point, universal) is None
    for key in small_order_keys():
        assert not usable_public_key(key), key.hex()


def test_keys_in_a_second_spelling_are_refused() -> None:
    for y in range(FIELD_PRIME, 2**255, 5):
        assert not usable_public_key(y.to_bytes(32, "little"))


@pytest.mark.parametrize("size", [0, 31, 33])
def test_keys_of_another_length_are_refused(size: int) -> None:
    assert not usable_public_key(b"\x09" * size)


def test_a_key_that_is_no_point_of_the_curve_proves_nothing() -> None:
    identity, claim, signature = signed()
    assert verify(claim, (2).to_bytes(32, "little"), signature) is None
    assert verify(claim, identity.public_key, signature) == "v3"


@given(st.binary(max_size=80))
def test_base64url_has_one_spelling(data: bytes) -> None:
    text = encode_base64url(data)
    assert decode_base64url(text) == data
    assert decode_base64url(text + "=") is None
    assert decode_base64url(" " + text) is None
    if set(text) & {"-", "_"}:
        assert decode_base64url(text.replace("-", "+").replace("_", "/")) is None


def test_base64url_refuses_stray_bits_and_other_alphabets() -> None:
    assert decode_base64url("AA") == b"\x00"
    assert decode_base64url("AB") is None, "the last four bits belong to no byte"
    assert decode_base64url("A") is None
    assert decode_base64url("ä") is None
    assert decode_base64url("AA\n") is None


def test_an_identity_survives_its_bytes_and_does_not_print_them() -> None:
    identity = DeviceIdentity.generate()
    again = DeviceIdentity(identity.private_bytes())
    assert again.device_id == identity.device_id == hashlib.sha256(identity.public_key).hexdigest()
    assert base64.b64encode(identity.private_bytes()).decode() not in repr(identity)
    assert identity.private_bytes().hex() not in repr(identity)
    with pytest.raises(ValueError, match="32"):
        DeviceIdentity(b"short")
