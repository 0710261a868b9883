"""Traces, as a collector receives them."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from fastapi.testclient import TestClient
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from service.app import create_app
from service.settings import Settings

CANARY = "kanarie-Wq7zX"
TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """The bodies a collector gets."""
    bodies: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "snaar-proef")
    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")  # the framework's own tells more than counts
    yield bodies
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_request_is_a_span_with_its_stages_and_no_text_is_in_any(received: list[bytes]) -> None:
    headers = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01", "tracestate": f"a={CANARY}", "x-api-key": CANARY}
    with TestClient(create_app(Settings(jobs=False, traces=True)), raise_server_exceptions=False) as client:
        body = {"reviews": [{"id": CANARY, "text": f"{CANARY} was te laat."}, {"text": "Top!"}]}
        assert client.post("/v1/classify", json=body, headers=headers).status_code == 200
        client.post("/v1/classify", content=CANARY)
        client.post("/predict", json={"inputs": [[CANARY], [" "]]})
        client.post("/v1/classify/stream", content=f'{{"text": "{CANARY}"}}\n')
        client.request(CANARY.upper(), f"/{CANARY}?q={CANARY}", headers={"traceparent": CANARY, "x-request-id": CANARY})
    assert received
    assert [body for body in received if CANARY.lower().encode() in body.lower()] == []
    [resource] = [part for body in received for part in ExportTraceServiceRequest.FromString(body).resource_spans]
    assert "snaar-proef" in str(resource.resource)
    spans = [span for scope in resource.scope_spans for span in scope.spans]
    [root] = [span for span in spans if span.trace_id.hex() == TRACE and span.name == "POST /v1/classify"]
    told = {entry.key: entry.value.int_value for entry in root.attributes}
    assert (told["http.response.status_code"], told["snaar.reviews"], told["snaar.tokens"] > 0) == (200, 2, True)
    children = [span for span in spans if span.parent_span_id == root.span_id]
    assert [span.name for span in children] == ["queue", "encode", "infer", "score"]
    assert all(root.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano for span in children)
    assert children[-1].end_time_unix_nano <= root.end_time_unix_nano
    assert "other none" in {span.name for span in spans}
