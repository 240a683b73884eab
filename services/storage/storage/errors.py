"""Every error that a client can see: its code, its two status codes and its words, as Supabase Storage has them.

The body carries the real status as text; the HTTP status is 400 for everything but server faults (500), a database that
is away (544) and a range that cannot be satisfied (416).
"""

from starlette.responses import JSONResponse


class StorageError(Exception):
    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        error: str | None = None,
        http_status: int | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.error = error or code
        self.http_status = http_status if http_status is not None else (500 if status == 500 else 400)
        self.headers = headers or {}

    def response(self) -> JSONResponse:
        body = {"statusCode": str(self.status), "error": self.error, "message": self.message, "code": self.code}
        return JSONResponse(body, self.http_status, {"cache-control": "no-store", **self.headers})


def no_such_bucket() -> StorageError:
    return StorageError(404, "NoSuchBucket", "Bucket not found", "Bucket not found")


def no_such_key() -> StorageError:
    return StorageError(404, "NoSuchKey", "Object not found", "not_found")


def access_denied(message: str) -> StorageError:
    return StorageError(403, "AccessDenied", message, "Unauthorized")


def row_level_security() -> StorageError:
    return access_denied("new row violates row-level security policy")


def invalid_jwt(message: str) -> StorageError:
    return StorageError(400, "InvalidJWT", message)


def invalid_signature() -> StorageError:
    return StorageError(400, "InvalidSignature", "Invalid signature")


def invalid_request(message: str) -> StorageError:
    """The body, a header or a query does not have the expected shape."""
    return StorageError(400, "InvalidRequest", message, "Error")


def no_content() -> StorageError:
    return StorageError(400, "InvalidRequest", "No content provided")


def invalid_key(name: str) -> StorageError:
    return StorageError(400, "InvalidKey", f"Invalid key: {name}")


def invalid_bucket_name() -> StorageError:
    return StorageError(400, "InvalidBucketName", "Bucket name invalid", "Invalid Input")


def invalid_file_size_limit() -> StorageError:
    return StorageError(400, "InvalidRequest", "Invalid file size format, hint: use 20GB / 20MB / 30KB / 3B")


def invalid_mime_type(mime_type: str) -> StorageError:
    return StorageError(415, "InvalidMimeType", f"mime type {mime_type} is not supported", "invalid_mime_type")


def too_large(what: str = "object") -> StorageError:
    return StorageError(413, "EntityTooLarge", f"The {what} exceeded the maximum allowed size", "Payload too large")


def key_exists() -> StorageError:
    return StorageError(409, "KeyAlreadyExists", "The resource already exists", "Duplicate")


def bucket_exists() -> StorageError:
    return StorageError(409, "BucketAlreadyExists", "The resource already exists", "Duplicate")


def bucket_not_empty() -> StorageError:
    return StorageError(409, "ResourceNotEmpty", "The bucket you tried to delete is not empty")


def invalid_range(size: int) -> StorageError:
    headers = {"content-range": f"bytes */{size}"}
    return StorageError(416, "InvalidRange", "invalid range provided", "invalid_range", 416, headers)


def database_away() -> StorageError:
    return StorageError(544, "DatabaseTimeout", "The connection to the database timed out", http_status=544)


def internal() -> StorageError:
    return StorageError(500, "InternalError", "Internal server error", "Internal")


def not_supported(feature: str) -> StorageError:
    return StorageError(409, "NotSupported", f"The feature {feature} is not enabled for this resource")
