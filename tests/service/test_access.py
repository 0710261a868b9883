from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from service import keys
from service.app import create_app
from service.errors import SetupError
from service.keys import Keyring, Role
from service.serve import serve
from service.settings import Settings

ASK = {"reviews": [{"text": "Top!"}]}


@pytest.fixture(scope="module")
def secrets() -> dict[str, tuple[str, keys.Key]]:
    limits = {"slow": 2}
    roles = {"scraper": Role.metrics, "shop": Role.use, "slow": Role.use, "boss": Role.admin}
    return {name: keys.make(name, role, limits.get(name)) for name, role in roles.items()}


@pytest.fixture(scope="module")
def file(secrets: dict[str, tuple[str, keys.Key]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "keys.txt"
    path.write_text("# keys\n" + "\n".join(key.line for _, key in secrets.values() if key.name != "boss"))
    return path


@pytest.fixture(scope="module")
def guarded(secrets: dict[str, tuple[str, keys.Key]], file: Path) -> Iterator[TestClient]:
    settings = Settings(keys_file=file, keys=secrets["boss"][1].line, cors_origins="https://intern.example")
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield client


def bearer(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


def test_without_a_key_only_health_page_and_documentation_open(guarded: TestClient) -> None:
    for address in ("/health/live", "/health/ready", "/", "/docs", "/openapi.json", "/docs/static/swagger-ui.css"):
        assert guarded.get(address).status_code == 200, address
    for address in ("/v1/info", "/v1/taxonomy", "/metrics", "/v1/admin/models", "/nowhere"):
        assert guarded.get(address).status_code == 401, address
    answer = guarded.post("/v1/classify", json=ASK)
    assert (answer.status_code, answer.json()["error_type"]) == (401, "no_key")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert guarded.post("/v1/classify", json=ASK, headers=bearer("snaar_x")).json()["error_type"] == "unknown_key"
    assert (
        guarded.post("/v1/classify", json=ASK, headers={b"authorization": b"Bearer \xe9\xff"}).json()["error_type"]
        == "unknown_key"
    )


@pytest.mark.parametrize(
    ("name", "metrics", "use", "admin"),
    [("scraper", 200, 403, 403), ("shop", 200, 200, 403), ("boss", 200, 200, 200)],
)
def test_a_role_opens_what_it_says(
    guarded: TestClient, secrets: dict[str, tuple[str, keys.Key]], name: str, metrics: int, use: int, admin: int
) -> None:
    headers = bearer(secrets[name][0])
    assert guarded.get("/metrics", headers=headers).status_code == metrics
    assert guarded.post("/v1/classify", json=ASK, headers=headers).status_code == use
    assert guarded.post("/v1/classify", json=ASK, headers={"x-api-key": secrets[name][0]}).status_code == use
    assert guarded.get("/v1/admin/models", headers=headers).status_code == admin


def test_label_studio_sends_its_key_as_a_password_and_only_there_that_counts(
    guarded: TestClient, secrets: dict[str, tuple[str, keys.Key]]
) -> None:
    good, wrong = ("anna", secrets["shop"][0]), ("anna", "snaar_x")
    assert guarded.get("/labelstudio/health", auth=good).json()["status"] == "UP"
    assert guarded.get("/labelstudio/health", auth=wrong).json()["error_type"] == "unknown_key"
    assert guarded.get("/labelstudio/health", headers={"authorization": "Basic =="}).json()["error_type"] == "no_key"
    assert "password of basic authentication" in guarded.get("/labelstudio/health").json()["error"]
    assert guarded.get("/v1/info", auth=good).json()["error_type"] == "no_key"
    for strange in (b"Basic \xe9\xff", b"Basic !", b"Basic /////w=="):
        assert guarded.get("/labelstudio/health", headers={b"authorization": strange}).json()["error_type"] == "no_key"


def test_a_limited_key_is_told_when_to_come_back(guarded: TestClient, secrets: dict[str, tuple[str, keys.Key]]) -> None:
    answers = [guarded.get("/v1/info", headers=bearer(secrets["slow"][0])) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json()["error_type"] == "rate_limited"
    assert 1 <= int(answers[2].headers["retry-after"]) <= 31


def test_keys_change_without_a_restart_and_a_broken_file_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.keys.LOOK_AGAIN", 0.0)
    old, new = keys.make("old", Role.use, None), keys.make("new", Role.use, None)
    file = tmp_path / "keys"
    file.write_text(old[1].line)
    ring = Keyring(file=file, given="")
    assert ring.find(old[0]) == old[1]
    file.write_text(f"{old[1].line}\n{new[1].line} 60\n")
    assert ring.find(new[0]) is not None
    file.write_text("nonsense")
    assert ring.find(new[0]) is not None
    assert "line 1" in str(ring.problem)
    file.write_text(f"{new[1].line}\n# no more\n")
    assert (ring.find(old[0]), ring.find(new[0])) == (None, new[1])
    file.unlink()
    assert ring.find(new[0]) == new[1]
    assert not ring.open


def test_secrets_are_not_kept(secrets: dict[str, tuple[str, keys.Key]], file: Path) -> None:
    assert all(secret not in file.read_text() and secret not in repr(key) for secret, key in secrets.values())


@pytest.mark.parametrize(
    "line", ["jan use", "jan use abc", "jan king " + "0" * 64, "ja!n use " + "0" * 64, "jan use " + "0" * 64 + " nul"]
)
def test_a_wrong_line_is_named(line: str) -> None:
    with pytest.raises(SetupError, match="line 2"):
        keys.parse(f"# first\n{line}", where="keys.txt")


def test_without_keys_it_listens_to_this_machine_only() -> None:
    with pytest.raises(SetupError, match="snaar key"):
        serve(Settings(host="0.0.0.0"))


def test_without_keys_administration_is_for_this_machine_and_no_web_page(client: TestClient) -> None:
    assert client.get("/v1/admin/models").status_code == 200
    for headers in ({"host": "evil.example"}, {"origin": "https://evil.example"}, {"origin": "null"}):
        assert client.get("/v1/admin/models", headers=headers).json()["error_type"] == "forbidden"


def test_every_answer_carries_the_headers_that_keep_browsers_safe(client: TestClient, guarded: TestClient) -> None:
    for answer in (
        client.get("/v1/info"),
        client.get("/nowhere"),
        guarded.get("/v1/info"),
        client.post("/v1/classify", content="{"),
    ):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-request-id"]
        assert "access-control-allow-origin" not in answer.headers


def test_only_pages_of_the_origins_named_may_call(guarded: TestClient, client: TestClient) -> None:
    ask = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    allowed = guarded.options("/v1/classify", headers={"origin": "https://intern.example", **ask})
    assert allowed.headers["access-control-allow-origin"] == "https://intern.example"
    refused = guarded.options("/v1/classify", headers={"origin": "https://evil.example", **ask})
    assert "access-control-allow-origin" not in refused.headers
    assert client.options("/v1/classify", headers={"origin": "https://intern.example", **ask}).status_code == 405


def test_the_documentation_can_be_switched_off_and_loads_nothing_from_elsewhere(client: TestClient) -> None:
    assert "https://" not in client.get("/docs").text
    with TestClient(create_app(Settings(docs=False))) as closed:
        assert [closed.get(address).status_code for address in ("/docs", "/openapi.json")] == [404, 404]
