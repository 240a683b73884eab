"""What the api counts, for GET /metrics."""

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

REQUESTS = Counter("api_requests_total", "Requests answered.", ["method", "route", "status"])
SECONDS = Histogram(
    "api_request_duration_seconds",
    "Time from the first byte of a request to the last byte of its answer.",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20),
)
IN_FLIGHT = Gauge("api_requests_in_flight", "Requests being answered.")
DOCUMENTS = Counter("api_documents_accepted_total", "Documents acknowledged with 201, repeats of a key not counted.")
DOCUMENT_BYTES = Counter("api_document_bytes_total", "Bytes of the documents acknowledged.")
REPEATS = Counter("api_repeats_total", "Repeats because a connection behind the api was lost.", ["dependency"])
WAKE_UPS_LOST = Counter("api_wake_ups_lost_total", "Wake-ups that Redis did not take; the worker finds those by polling.")
ORPHANS = Counter("api_orphaned_objects_total", "Stored objects without a document that could not be removed.")


def exposition() -> tuple[bytes, str]:
    """The body of /metrics and its content type."""
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
