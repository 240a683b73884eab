"""What the worker counts, for GET /metrics."""

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

JOBS = Counter(
    "worker_jobs_total",
    "Jobs ended, by how: processed, retried, set_aside, given_back, lease_lost.",
    ["outcome"],
)
SECONDS = Histogram(
    "worker_job_duration_seconds",
    "Time from taking a job to its end.",
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
)
CHUNKS = Counter("worker_chunks_total", "Chunks written.")
BUSY = Gauge("worker_jobs_running", "Jobs being worked on.")
QUEUE = Gauge("worker_queue_jobs", "Jobs in the queue of all workers, by state.", ["state"])
REPEATS = Counter("worker_repeats_total", "Repeats because a connection was lost.", ["dependency"])


def exposition() -> tuple[bytes, str]:
    """The body of /metrics and its content type."""
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
