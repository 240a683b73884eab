"""Who asks: the JWT of a request, and the tokens of signed URLs. HS256 with AUTH_JWT_SECRET, nothing else."""

import time
from dataclasses import dataclass
from typing import Any

import jwt
from starlette.requests import Request

from . import errors

ROLES = ("anon", "authenticated", "service_role")


@dataclass(frozen=True)
class Caller:
    role: str
    # The claims as policies see them.
    claims: dict[str, Any]
    authenticated: bool

    @property
    def owner(self) -> str | None:
        subject = self.claims.get("sub")
        return subject if isinstance(subject, str) and subject != "" else None


NOBODY = Caller("anon", {"role": "anon"}, False)


def _decode(token: str, secret: str) -> dict[str, Any]:
    """The claims of a token that is whole, genuine and not expired; raises ValueError with the reason."""
    try:
        return jwt.decode(token, secret, algorithms=["HS256"], options={"verify_aud": False, "verify_sub": False})
    except jwt.ExpiredSignatureError as error:
        raise ValueError('"exp" claim timestamp check failed') from error
    except jwt.InvalidSignatureError as error:
        raise ValueError("signature verification failed") from error
    except jwt.InvalidAlgorithmError as error:
        raise ValueError('"alg" (Algorithm) Header Parameter value not allowed') from error
    except jwt.DecodeError as error:
        raise ValueError("Invalid Compact JWS") from error
    except jwt.InvalidTokenError as error:
        raise ValueError(str(error)) from error


def _bearer(request: Request) -> str | None:
    header = request.headers.get("authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else header.strip()


def caller_of(request: Request, secret: str) -> Caller:
    """The caller; a request without a token, or with a bad one, is refused."""
    token = _bearer(request)
    if token is None:
        raise errors.invalid_request("headers must have required property 'authorization'")
    try:
        claims = _decode(token, secret)
    except ValueError as error:
        raise errors.access_denied(str(error)) from error
    role = claims.get("role") or "anon"
    if role not in ROLES:
        raise errors.access_denied(f"role {role!r} is unknown")
    return Caller(role, {**claims, "role": role}, True)


def caller_or_nobody(request: Request, secret: str) -> Caller:
    """For routes that also serve public buckets: whoever shows no valid token is anonymous."""
    try:
        return caller_of(request, secret)
    except errors.StorageError:
        return NOBODY


def sign_url(path: str, seconds: int, secret: str) -> str:
    """A token that lets its holder read one object for so many seconds. It names no role, so it is good for no more."""
    now = int(time.time())
    return jwt.encode({"url": path, "iat": now, "exp": now + seconds}, secret, algorithm="HS256")


def check_signed_url(token: str, path: str, secret: str) -> int:
    """When the token expires (seconds since 1970), if it is good for this object."""
    try:
        claims = _decode(token, secret)
    except ValueError as error:
        raise errors.invalid_jwt(str(error)) from error
    if claims.get("url") != path or not isinstance(claims.get("exp"), int):
        raise errors.invalid_signature()
    return claims["exp"]
