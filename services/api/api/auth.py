"""Who is asking: a bearer JWT, signed HS256 with JWT_SECRET, whose `role` decides."""

import json
from dataclasses import dataclass
from uuid import UUID

import jwt
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.errors import ApiError

bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", description="HS256; role authenticated or service_role")


@dataclass(frozen=True)
class Caller:
    """A caller who may use the api. `owner` is the user, None for a service."""

    role: str
    owner: UUID | None

    @property
    def claims(self) -> str:
        """What Postgres gets as request.jwt.claims; row-level security reads it."""
        return json.dumps({"role": self.role} | ({"sub": str(self.owner)} if self.owner else {}))


def read_token(token: str, secret: str) -> Caller:
    """Raises ApiError 401 for a token that proves nothing, 403 for a role that may nothing."""
    try:
        claims = jwt.decode(
            token, secret, algorithms=["HS256"], options={"require": ["exp", "role"], "verify_aud": False}
        )
    except jwt.InvalidTokenError as error:
        raise unauthorized("the token is not valid") from error
    role = claims["role"]
    if role == "service_role":
        return Caller(role, None)
    if role != "authenticated":
        raise ApiError(403, "forbidden", "this role may not use the api")
    try:
        return Caller(role, UUID(str(claims.get("sub"))))
    except ValueError as error:
        raise unauthorized("the token names no user: sub must be a UUID") from error


def unauthorized(message: str) -> ApiError:
    return ApiError(401, "unauthorized", message, {"WWW-Authenticate": "Bearer"})


async def caller(request: Request, credentials: HTTPAuthorizationCredentials | None = Depends(bearer)) -> Caller:
    """A user or a service."""
    if credentials is None:
        raise unauthorized("a bearer token is needed")
    return read_token(credentials.credentials, request.app.state.settings.jwt_secret)


async def service(asking: Caller = Depends(caller)) -> Caller:
    """A service only."""
    if asking.role != "service_role":
        raise ApiError(403, "forbidden", "only service_role may see this")
    return asking
