"""What lies in deploy/ fits the service: its settings, its addresses, its metrics."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import promql_parser
import pytest
import yaml
from fastapi.testclient import TestClient

from service.app import create_app
from service.settings import Settings

DEPLOY = Path(__file__).parents[1] / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
DASHBOARD = json.loads((DEPLOY / "grafana" / "dashboards" / "snaar.json").read_text())
ALERTS = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"][0]["rules"]


@pytest.fixture(scope="module")
def manifests() -> list[dict[str, Any]]:
    if not shutil.which("kubectl"):
        pytest.skip("the Kubernetes manifests are not built here: kubectl is not installed")
    built = subprocess.run(["kubectl", "kustomize", str(DEPLOY / "kubernetes")], capture_output=True, check=True, text=True)
    return list(yaml.safe_load_all(built.stdout))


def pods(manifests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [found["spec"]["template"] for found in manifests if found["kind"] in ("Deployment", "StatefulSet")]


def test_compose_declares_what_it_uses_and_mounts_what_exists() -> None:
    for name, service in COMPOSE["services"].items():
        assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"]), name
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (DEPLOY / source).exists() if source.startswith(".") else source in COMPOSE["volumes"], (name, volume)
        assert set(service.get("depends_on", {})) <= set(COMPOSE["services"])
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name


def test_every_pod_is_locked_down_and_bounded(manifests: list[dict[str, Any]]) -> None:
    assert len(pods(manifests)) == 2
    for pod in pods(manifests):
        spec, [container] = pod["spec"], pod["spec"]["containers"]
        assert spec["securityContext"]["runAsNonRoot"]
        assert not spec["automountServiceAccountToken"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}
        }  # fmt: skip
        assert container["resources"]["limits"]["memory"]
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        made = {found["metadata"]["name"] for m in manifests for found in m.get("spec", {}).get("volumeClaimTemplates", [])}
        assert mounted <= {volume["name"] for volume in spec["volumes"]} | made


def test_probes_ask_addresses_that_exist_and_selectors_find_pods(manifests: list[dict[str, Any]]) -> None:
    with TestClient(create_app(Settings(jobs=False))) as client:
        addresses = set(client.get("/openapi.json").json()["paths"])
    for pod in pods(manifests):
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert pod["spec"]["containers"][0][probe]["httpGet"]["path"] in addresses
    labels = [pod["metadata"]["labels"]["part"] for pod in pods(manifests)]
    services = {m["metadata"]["name"]: m["spec"]["selector"]["part"] for m in manifests if m["kind"] == "Service"}
    assert sorted(services.values()) == sorted(labels)
    [ingress] = [m for m in manifests if m["kind"] == "Ingress"]
    asked = {path["backend"]["service"]["name"] for path in ingress["spec"]["rules"][0]["http"]["paths"]}
    assert asked == set(services)


def test_every_variable_is_a_setting(manifests: list[dict[str, Any]]) -> None:
    pytest.importorskip("service.keys")
    given = [name for name in COMPOSE["services"]["snaar"]["environment"] if name.startswith("SNAAR_")]
    given += [variable["name"] for pod in pods(manifests) for variable in pod["spec"]["containers"][0]["env"]]
    given += re.findall(r"SNAAR_[A-Z_]+", (DEPLOY.parent / "Dockerfile").read_text())
    assert [name for name in given if name.removeprefix("SNAAR_").lower() not in Settings.model_fields] == []


def test_dashboard_and_alerts_ask_metrics_that_are_told() -> None:
    metrics = pytest.importorskip("service.metrics")
    told = {
        sample
        for family in metrics.Metrics().registry.collect()
        for sample in (family.name, *(f"{family.name}_{part}" for part in ("total", "bucket", "sum", "count")))
    }
    queries = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]] + [rule["expr"] for rule in ALERTS]
    asked = {name for query in queries for name in re.findall(r"\bsnaar_[a-z_]+", query)}
    assert asked
    assert asked - told == set()


def test_every_query_is_promql_and_every_rule_has_the_fields_prometheus_knows() -> None:
    shown = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    for query in [*(query.replace("$__rate_interval", "5m") for query in shown), *(rule["expr"] for rule in ALERTS)]:
        promql_parser.parse(query)
    for rule in ALERTS:
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["alert"].isidentifier()
        promql_parser.parse_duration(rule.get("for", "1s"))
        used = re.findall(r"{{ (\$value|\$labels\.\w+)( \| \w+)? }}", "".join(rule["annotations"].values()))
        assert "".join(rule["annotations"].values()).count("{{") == len(used), rule["alert"]
        assert {function.strip("| ") for _, function in used} <= {"", "humanize", "humanizePercentage", "humanizeDuration"}
    with pytest.raises(ValueError, match="unclosed left parenthesis"):
        promql_parser.parse("rate(snaar_requests_total[5m]")


@pytest.mark.parametrize("version", ["1.28", "1.34"])
def test_every_manifest_keeps_to_the_schema_of_kubernetes(version: str) -> None:
    files = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
    manifests = [m for file in files for m in yaml.safe_load_all(file.read_text()) if m["kind"] != "Kustomization"]
    assert len(manifests) > 8
    for manifest in manifests:
        kubernetes_validate.validate(manifest, version, strict=True)
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**manifests[0], "sepc": {}}, version, strict=True)


def test_every_alert_says_how_bad_it_is_and_what_to_do() -> None:
    for rule in ALERTS:
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["action"]
