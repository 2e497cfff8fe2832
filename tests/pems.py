"""Keys of services, made once for all tests: making one takes a while."""

from __future__ import annotations

from functools import lru_cache

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa


@lru_cache
def private(number: int = 0, bits: int = 2048) -> rsa.RSAPrivateKey:
    """Return a private key; another for each number."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def public_pem(number: int = 0, bits: int = 2048) -> str:
    """Return the public half as PEM."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return private(number, bits).public_key().public_bytes(serialization.Encoding.PEM, form).decode()
