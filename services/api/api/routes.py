"""The endpoints, with what goes in and out of each."""

import base64
import binascii
from datetime import datetime
from typing import Annotated
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from api.auth import Caller, caller, service
from api.documents import Documents
from api.errors import ApiError
from api.metrics import exposition
from api.uploads import CONTENT_TYPES, expected_size, read_upload

router = APIRouter()


class Chunk(BaseModel):
    index: int
    content: str


class Document(BaseModel):
    id: UUID
    # The user; null for a document that a service posted.
    owner: UUID | None
    name: str
    content_type: str
    size: int
    # queued, processing, processed or failed
    status: str
    # Why it failed.
    reason: str | None
    chunk_count: int
    created_at: datetime
    processed_at: datetime | None


class DocumentWithChunks(Document):
    chunks: list[Chunk] | None = None


class Page(BaseModel):
    documents: list[Document]
    # Give it as ?after= to get the next page; null on the last one.
    next: str | None


class Problem(BaseModel):
    error: str
    message: str


PROBLEMS: dict[int | str, dict[str, object]] = {
    status: {"model": Problem, "description": text}
    for status, text in {401: "No valid token", 403: "A role that may not", 503: "Try again"}.items()
}
MISSING: dict[int | str, dict[str, object]] = {404: {"model": Problem, "description": "No such document"}}
BINARY = {"schema": {"type": "string", "format": "binary"}}
UPLOAD = {
    "requestBody": {
        "required": True,
        "content": {content_type: BINARY for content_type in CONTENT_TYPES}
        | {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            }
        },
    }
}

Asking = Annotated[Caller, Depends(caller)]


def documents(request: Request) -> Documents:
    return request.app.state.documents


@router.get("/health", summary="Whether this and everything behind it works; needs no token")
async def health(request: Request) -> JSONResponse:
    status, body = await request.app.state.health.report()
    return JSONResponse(body, status)


@router.get("/metrics", dependencies=[Depends(service)], responses=PROBLEMS, response_class=Response)
async def metrics() -> Response:
    body, content_type = exposition()
    return Response(body, headers={"content-type": content_type})


@router.get("/openapi.json", dependencies=[Depends(caller)], include_in_schema=False)
async def openapi(request: Request) -> JSONResponse:
    return JSONResponse(request.app.openapi())


@router.post(
    "/documents",
    status_code=201,
    response_model=Document,
    responses=PROBLEMS
    | {
        400: {"model": Problem, "description": "Not a document"},
        409: {"model": Problem, "description": "The Idempotency-Key was used for another content"},
        413: {"model": Problem, "description": "Too large"},
        415: {"model": Problem, "description": "Not a content type that is understood"},
    },
    openapi_extra=UPLOAD,
)
async def post_document(
    request: Request,
    asking: Asking,
    x_document_name: Annotated[str | None, Header(description="Percent-encoded where not ASCII")] = None,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=255)] = None,
) -> object:
    """Takes a document. The answer 201 is the promise that it is kept and will be processed."""
    state = request.app.state
    limit = state.settings.max_document_bytes
    async with state.buffer.share(expected_size(request, limit)):
        upload = await read_upload(request, limit)
        return dict(await documents(request).add(asking, upload, idempotency_key))


@router.get("/documents", response_model=Page, responses=PROBLEMS)
async def list_documents(
    request: Request,
    asking: Asking,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    after: Annotated[str | None, Query(max_length=200)] = None,
) -> object:
    """The caller's documents, newest first; every document for a service."""
    rows = await documents(request).page(asking, limit + 1, None if after is None else read_cursor(after))
    shown = rows[:limit]
    return {
        "documents": [dict(row) for row in shown],
        "next": write_cursor(shown[-1]) if len(rows) > limit else None,
    }


@router.get(
    "/documents/{document}",
    response_model=DocumentWithChunks,
    response_model_exclude_unset=True,
    responses=PROBLEMS | MISSING,
)
async def get_document(
    request: Request, asking: Asking, document: UUID, chunks: Annotated[bool, Query()] = False
) -> object:
    row = dict(await documents(request).get(asking, document))
    if chunks:
        row["chunks"] = [dict(chunk) for chunk in await documents(request).chunks(asking, document)]
    return row


@router.delete("/documents/{document}", status_code=204, responses=PROBLEMS | MISSING, response_class=Response)
async def delete_document(request: Request, asking: Asking, document: UUID) -> Response:
    """Removes the document with its bytes, its job and its chunks."""
    await documents(request).remove(asking, document)
    return Response(status_code=204)


def write_cursor(row: asyncpg.Record) -> str:
    return base64.urlsafe_b64encode(f"{row['created_at'].isoformat()} {row['id']}".encode()).decode()


def read_cursor(text: str) -> tuple[datetime, UUID]:
    """Raises ApiError 400 for anything but what `write_cursor` wrote."""
    try:
        created_at, document = base64.urlsafe_b64decode(text).decode().split(" ")
        position = datetime.fromisoformat(created_at), UUID(document)
        if position[0].tzinfo is None:
            raise ValueError
        return position
    except (ValueError, binascii.Error) as error:
        raise ApiError(400, "invalid", "after is not a cursor that this api gave") from error
