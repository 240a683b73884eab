"""The errors that a client sees, all in one shape: {"error": code, "message": text}."""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect


class ApiError(Exception):
    def __init__(self, status: int, error: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.error = error
        self.headers = headers or {}


class Unavailable(ApiError):
    """Something behind the api did not answer in time, repeats included. Nothing was acknowledged."""

    def __init__(self, dependency: str) -> None:
        super().__init__(503, "unavailable", f"{dependency} does not answer; try again", {"Retry-After": "2"})


def _answer(status: int, error: str, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": error, "message": message}, status, headers)


def install_error_handlers(app: FastAPI) -> None:
    async def api_error(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, ApiError)
        return _answer(error.status, error.error, str(error), error.headers)

    async def http_error(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        return _answer(error.status_code, "http", str(error.detail), dict(error.headers or {}))

    async def invalid(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        parts = [f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors()]
        return _answer(422, "invalid", "; ".join(parts))

    async def gone(_: Request, error: Exception) -> JSONResponse:
        # Nobody reads this answer; the status is for metrics and logs.
        return _answer(400, "incomplete", "the connection ended before the document did")

    async def defect(_: Request, error: Exception) -> JSONResponse:
        # The server logs the trace; a client learns nothing of what is inside.
        return _answer(500, "internal", "something went wrong in here")

    app.add_exception_handler(ApiError, api_error)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(ClientDisconnect, gone)
    app.add_exception_handler(Exception, defect)
