"""What `/metrics` tells: counts and times, never text."""

import threading
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess

from model.predictor import Predictor
from model.reference import Reference
from model.score import Result
from service.batcher import Batch, Batcher
from service.drift import Drift
from service.seen import Seen
from service.settings import shared_metrics

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
TOKENS = (8, 16, 32, 64, 128, 256, 512, 1024, 2048)
LATE = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1)
SCORES = (0.05, 0.2, 0.4, 0.6, 0.8, 0.95)


class Metrics:
    """Everything counted. With several workers each writes into shared files, and any of them answers for all."""

    def __init__(self) -> None:
        own = CollectorRegistry()
        self.lock = threading.Lock()
        self.registry = own
        self.requests = Counter("snaar_requests", "requests answered", ["route", "status"], registry=own)
        self.errors = Counter("snaar_errors", "requests refused or failed", ["error_type"], registry=own)
        self.seconds = Histogram("snaar_seconds", "time of scoring requests", ["stage"], buckets=SECONDS, registry=own)
        self.reviews = Counter("snaar_reviews", "reviews read", ["status"], registry=own)
        self.tokens = Counter("snaar_tokens", "tokens read", registry=own)
        self.length = Histogram("snaar_review_tokens", "tokens of a review", buckets=TOKENS, registry=own)
        self.warnings = Counter("snaar_warnings", "warnings in results", ["warning"], registry=own)
        self.labels = Counter("snaar_labels", "labels found", ["lens", "label", "sign"], registry=own)
        self.scores = Histogram("snaar_scores", "scores of reviews", ["output"], buckets=SCORES, registry=own)
        self.score_of = cache(self.scores.labels)  # looking one up takes longer than counting in it
        self.batch_tokens = Histogram("snaar_batch_tokens", "tokens in a batch, by estimate", buckets=TOKENS, registry=own)
        self.batch_requests = Histogram(
            "snaar_batch_requests", "requests in a batch", buckets=(1, 2, 4, 8, 16, 32, 64), registry=own
        )
        self.batch_seconds = Histogram("snaar_batch_seconds", "time of a batch", buckets=SECONDS, registry=own)
        self.late = Histogram("snaar_loop_late_seconds", "how late the event loop is", buckets=LATE, registry=own)
        self.queue = Gauge("snaar_queue_tokens", "tokens waiting, by estimate", registry=own, multiprocess_mode="livesum")
        self.bulk = Gauge(
            "snaar_bulk_tokens", "tokens of files and streams waiting, by estimate", registry=own, multiprocess_mode="livesum"
        )
        self.ready = Gauge("snaar_ready", "1 when ready, by the last canary", registry=own, multiprocess_mode="livemin")
        self.model = Gauge(
            "snaar_model", "1 for the bundle that answers", ["version", "sha256"], registry=own, multiprocess_mode="livesum"
        )
        self.drift = Gauge(
            "snaar_drift", "distance of the last reviews", ["what", "against"], registry=own, multiprocess_mode="livemax"
        )
        self.drifting = Drift(None)
        self.reloads = Counter("snaar_reloads", "attempts at another bundle", ["outcome"], registry=own)
        self.shadowed = Counter("snaar_shadow_reviews", "reviews read by the shadow too", registry=own)
        self.disagreed = Counter("snaar_shadow_disagreements", "reviews the shadow labels otherwise", ["output"], registry=own)

    def request(self, route: str, seen: Seen) -> None:
        """Count a request that has been answered."""
        self.requests.labels(route, str(seen.status)).inc()
        if seen.error_type:
            self.errors.labels(seen.error_type).inc()
        if seen.reviews:
            for stage, seconds in seen.stages.items():
                self.seconds.labels(stage).observe(seconds)

    def batch(self, batch: Batch) -> None:
        self.batch_tokens.observe(batch.tokens)
        self.batch_requests.observe(batch.requests)
        self.batch_seconds.observe(batch.seconds)

    def results(self, results: list[Result]) -> None:
        """Count what was found in reviews: some 50 µs each, so for a thread."""
        with self.lock:
            for result in results:
                self._result(result)
            self._watch_drift(results)

    def _result(self, result: Result) -> None:
        self.reviews.labels(result.error_type or "ok").inc()
        for warning in result.warnings:
            self.warnings.labels(warning).inc()
        if result.status == "ok":
            self.tokens.inc(result.tokens)
            self.length.observe(result.tokens)
            for label in result.labels:
                self.labels.labels(label.lens, label.id, label.sign).inc()
            for output, score in result.scores.items():
                self.score_of(output).observe(score)

    def serves(self, predictor: Predictor, reference: Reference | None) -> None:
        """Name the bundle that answers from now on, and hold reviews against its reference."""
        with self.lock:  # no results are counted between the old reference and the new
            if not shared_metrics():
                self.model.clear()
                self.drift.clear()
            self.drifting = Drift(reference)
        self.model.labels(predictor.bundle.manifest.version, predictor.bundle.sha256).set(1)

    def _watch_drift(self, results: list[Result]) -> None:
        found = self.drifting.add(results)
        if found is not None:
            self.drift.labels("labels", self.drifting.against).set(found.labels)
            self.drift.labels("length", self.drifting.against).set(found.length)

    def page(self, batcher: Batcher, *, ready: bool) -> bytes:
        """The text Prometheus reads."""
        self.queue.set(batcher.load)
        self.bulk.set(batcher.bulk_load)
        self.ready.set(ready)
        registry = self.registry
        if shared_metrics():
            registry = CollectorRegistry()
            multiprocess.MultiProcessCollector(registry)
        return generate_latest(registry)
