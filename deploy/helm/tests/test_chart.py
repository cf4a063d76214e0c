"""The chart, rendered for each mode and choice of values: Kubernetes takes all of it, and what the
worker is promised to run under holds in each."""

import json
import re
import subprocess
import sys

import pytest
import yaml
from chart import (
    CHART,
    KUBERNETES,
    LABEL_MOST,
    ROOT,
    configuration,
    container_of,
    helm,
    is_hook,
    job_spec,
    judge,
    memory_bytes,
    of_kind,
    only,
    pod_of,
    render,
    resources,
    selected,
    workload,
    workloads,
)
from matrix import MATRIX, SASL

BY_MODE = {"standing": "StatefulSet", "job": "Job", "cronjob": "CronJob"}
FOLDER = ROOT / "deploy/kubernetes"


@pytest.fixture(scope="module", params=MATRIX)
def values(request):
    return MATRIX[request.param]


@pytest.fixture(scope="module")
def rendered(values):
    return render(values)


def test_what_is_derived_is_up_to_date():
    """The schema follows schemas/config.schema.json, the README's table the schema, and
    deploy/kubernetes the chart."""
    outcome = subprocess.run(
        [sys.executable, ROOT / "deploy/helm/generate.py", "--check"],
        capture_output=True, text=True, timeout=60,
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_the_chart_is_of_the_programs_version():
    project = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    version = re.search(r"project\(backscribe VERSION ([0-9.]+)", project)[1]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert chart["appVersion"] == version
    assert container_of(workload(render()))["image"] == f"backscribe:{version}"


def test_lint_finds_nothing(values):
    outcome = helm("4", "lint", "--strict", CHART, values=values)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert "WARNING" not in outcome.stdout


@pytest.mark.parametrize("mode", BY_MODE)
def test_lint_of_helm_3_finds_nothing(mode):
    outcome = helm("3", "lint", "--strict", CHART, values={"mode": mode})
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_helm_3_and_helm_4_make_the_same(values, rendered):
    assert render(values, version="3") == rendered


@pytest.mark.parametrize("kubernetes", KUBERNETES)
def test_kubernetes_takes_each_resource(rendered, kubernetes):
    for document in rendered:
        judge(document, kubernetes)


def test_a_mode_makes_one_workload_of_its_kind(values, rendered):
    assert workload(rendered)["kind"] == BY_MODE[values["mode"]]
    assert len(of_kind(rendered, "ScaledObject")) == values.get("autoscaling", {}).get("enabled", 0)


def test_pods_have_no_rights_that_they_do_not_need(rendered):
    for one in workloads(rendered):
        spec = pod_of(one)["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] == 10001
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in spec["containers"] + spec.get("initContainers", []):
            own = container["securityContext"]
            assert own["readOnlyRootFilesystem"] is True
            assert own["allowPrivilegeEscalation"] is False
            assert own["capabilities"] == {"drop": ["ALL"]}
    for account in of_kind(rendered, "ServiceAccount"):
        assert account["automountServiceAccountToken"] is False


def test_a_stop_has_time_to_be_graceful(rendered):
    for one in workloads(rendered):
        grace = pod_of(one)["spec"]["terminationGracePeriodSeconds"]
        assert grace > configuration(rendered)["shutdown_seconds"]


def test_memory_has_room_for_what_the_worker_may_hold(rendered):
    for one in workloads(rendered):
        limits = container_of(one).get("resources", {}).get("limits")
        if limits:
            held = configuration(rendered)["limits"]["memory_bytes"]
            assert memory_bytes(limits["memory"]) >= held * 1.25


def test_probes_ask_the_admin_port_for_life_and_for_work(rendered):
    container = container_of(workload(rendered))
    (port,) = container["ports"]
    assert configuration(rendered)["admin"]["listen"].endswith(f":{port['containerPort']}")
    for probe, path in (("startup", "/healthz"), ("liveness", "/healthz"), ("readiness", "/readyz")):
        assert container[f"{probe}Probe"]["httpGet"] == {"path": path, "port": port["name"]}


def test_no_secret_is_in_what_is_rendered(rendered):
    """Secrets are named, mounted whole as read-only files; none is a resource or a variable."""
    assert not of_kind(rendered, "Secret")
    for one in workloads(rendered):
        spec = pod_of(one)["spec"]
        secrets = {
            volume["name"]: volume["secret"]["secretName"]
            for volume in spec["volumes"] if "secret" in volume
        }
        for container in spec["containers"] + spec.get("initContainers", []):
            mounts = {
                mount["mountPath"]: mount
                for mount in container["volumeMounts"] if mount["name"] in secrets
            }
            assert set(mounts) == {f"/run/secrets/{name}" for name in secrets.values()}
            assert all(mount["readOnly"] for mount in mounts.values())
    for path in secret_files(configuration(rendered)):
        assert any(path.startswith(f"/run/secrets/{name}/") for name in secrets.values()), path


def test_every_container_has_its_configuration_and_its_own_membership(rendered):
    assert configuration(rendered)["kafka"]["group.instance.id"] == "${BACKSCRIBE_INSTANCE}"
    for one in workloads(rendered):
        spec = pod_of(one)["spec"]
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        maps = {document["metadata"]["name"] for document in of_kind(rendered, "ConfigMap")}
        assert volumes["config"]["configMap"]["name"] in maps
        for container in spec["containers"] + spec.get("initContainers", []):
            environment = {variable["name"]: variable for variable in container["env"]}
            assert environment["BACKSCRIBE_CONFIG"]["value"] == "/etc/backscribe/config.json"
            assert "BACKSCRIBE_INSTANCE" in environment
    environment = {variable["name"]: variable for variable in container_of(workload(rendered))["env"]}
    instance = environment["BACKSCRIBE_INSTANCE"]
    if workload(rendered)["kind"] == "StatefulSet":
        assert instance["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"
    else:  # the pod's name is another one after each failure; the Job's and the index stay
        assert instance["value"] == "$(BACKSCRIBE_JOB)-$(BACKSCRIBE_INDEX)"
        index = environment["BACKSCRIBE_INDEX"]["valueFrom"]["fieldRef"]["fieldPath"]
        assert index == "metadata.annotations['batch.kubernetes.io/job-completion-index']"
        names = list(environment)
        assert names.index("BACKSCRIBE_INDEX") < names.index("BACKSCRIBE_INSTANCE")


def test_selectors_find_the_pods_that_they_mean_and_no_others(rendered):
    wanted = [workload(rendered)]
    for kind in ("Service", "NetworkPolicy", "PodDisruptionBudget"):
        for document in of_kind(rendered, kind):
            spec = document["spec"]
            chosen = spec.get("selector") or spec.get("podSelector")
            assert selected(rendered, chosen.get("matchLabels", chosen)) == wanted, kind
    if workload(rendered)["kind"] == "StatefulSet":
        spec = workload(rendered)["spec"]
        assert selected(rendered, spec["selector"]["matchLabels"]) == wanted
        assert spec["serviceName"] == only(rendered, "Service")["metadata"]["name"]
    for constraint in pod_of(wanted[0])["spec"].get("topologySpreadConstraints", []):
        assert selected(rendered, constraint["labelSelector"]["matchLabels"]) == wanted
    for monitor in of_kind(rendered, "ServiceMonitor"):
        labels = only(rendered, "Service")["metadata"]["labels"]
        assert monitor["spec"]["selector"]["matchLabels"].items() <= labels.items()
        assert {end["port"] for end in monitor["spec"]["endpoints"]} == {"admin"}


def test_workers_spread_over_zones_and_hosts_where_that_is_possible():
    for mode in BY_MODE:
        spread = pod_of(workload(render({"mode": mode})))["spec"]["topologySpreadConstraints"]
        assert [one["topologyKey"] for one in spread] == [
            "topology.kubernetes.io/zone",
            "kubernetes.io/hostname",
        ]
        assert all(one["whenUnsatisfiable"] == "ScheduleAnyway" for one in spread)
    placed = MATRIX["standing-placed"]
    (own,) = pod_of(workload(render(placed)))["spec"]["topologySpreadConstraints"]
    assert own["maxSkew"] == 2 and own["whenUnsatisfiable"] == "DoNotSchedule"


def test_another_configuration_replaces_the_pods():
    def stamp(values):
        pod = pod_of(workload(render(values)))
        return pod["metadata"]["annotations"]["checksum/config"]

    assert stamp({}) == stamp({"replicas": 2})
    assert stamp({}) != stamp({"config": {"limits": {"in_flight": 5}}})


def test_a_job_that_does_something_else_is_another_job():
    """A Job cannot be changed: an upgrade that tried to would fail."""

    def name(**values):
        return workload(render({"mode": "job", **values}))["metadata"]["name"]

    assert name() == name(replicas=7)
    others = [
        name(config={"limits": {"in_flight": 5}}), name(job={"workers": 2}),
        name(job={"run": "again"}), name(image={"tag": "0.2.0"}),
    ]
    assert len({name(), *others}) == 1 + len(others)


@pytest.mark.parametrize("mode", ["job", "cronjob"])
def test_what_another_try_would_not_mend_ends_a_job(mode):
    spec = job_spec(workload(render({"mode": mode})))
    fails, ignored = spec["podFailurePolicy"]["rules"]
    assert fails["action"] == "FailJob" and fails["onExitCodes"]["values"] == [2, 4]
    assert ignored["action"] == "Ignore"
    assert ignored["onPodConditions"] == [{"type": "DisruptionTarget", "status": "True"}]
    assert spec["completionMode"] == "Indexed" and spec["completions"] == spec["parallelism"]
    assert spec["template"]["spec"]["restartPolicy"] == "Never"


def test_two_runs_of_a_schedule_never_meet():
    assert workload(render({"mode": "cronjob"}))["spec"]["concurrencyPolicy"] == "Forbid"


@pytest.mark.parametrize("mode", ["job", "cronjob"])
def test_a_job_enqueues_before_it_works(mode):
    values = MATRIX[f"{mode}-enqueues"]
    found = workload(render(values))
    assert container_of(found, "enqueue")["args"] == [
        "enqueue", "--log-level", "info", "--log-format", "logfmt", "--newer-than", "26h",
        "--label", "source=nightly", "s3://recordings/2024/", "s3://recordings/2025/",
    ]  # fmt: skip
    assert container_of(found)["args"] == [
        "run", "--until-drained", "--log-level", "info", "--log-format", "logfmt",
        "--give-up-after", "1h",
    ]  # fmt: skip
    assert not pod_of(workload(render({"mode": mode})))["spec"].get("initContainers")


def test_the_fleet_scales_between_one_and_as_many_as_partitions():
    scaled = only(render(MATRIX["standing-scaled"]), "ScaledObject")["spec"]
    assert scaled["minReplicaCount"] == 1 and scaled["maxReplicaCount"] == 8
    assert "idleReplicaCount" not in scaled
    fewer = only(render(MATRIX["standing-scaled-with-secrets"]), "ScaledObject")["spec"]
    assert fewer["minReplicaCount"] == 2 and fewer["maxReplicaCount"] == 4


def test_what_is_scaled_is_not_set_back_by_an_upgrade():
    fleet = workload(render(MATRIX["standing-scaled"]))
    assert "replicas" not in fleet["spec"]
    target = only(render(MATRIX["standing-scaled"]), "ScaledObject")["spec"]["scaleTargetRef"]
    assert target == {
        "apiVersion": fleet["apiVersion"], "kind": fleet["kind"], "name": fleet["metadata"]["name"],
    }  # fmt: skip


def test_lag_is_asked_of_the_group_and_topic_that_the_worker_has():
    documents = render(MATRIX["standing-scaled-with-secrets"])
    (trigger,) = only(documents, "ScaledObject")["spec"]["triggers"]
    assert trigger["metadata"] == {
        "bootstrapServers": configuration(documents)["kafka"]["bootstrap.servers"],
        "consumerGroup": "calls",
        "topic": "calls-jobs",
        "lagThreshold": "1000000",
        "offsetResetPolicy": "earliest",
        "allowIdleConsumers": "false",
        "tls": "enable",
        "sasl": "scram_sha512",
    }
    own = only(documents, "TriggerAuthentication")
    assert trigger["authenticationRef"]["name"] == own["metadata"]["name"]
    (standard,) = only(render(MATRIX["standing-scaled"]), "ScaledObject")["spec"]["triggers"]
    assert standard["metadata"]["consumerGroup"] == "backscribe"
    assert standard["metadata"]["topic"] == "transcription-jobs"
    assert "authenticationRef" not in standard


def test_the_network_is_closed_but_for_what_is_needed():
    def ports(rule):
        return [port["port"] for port in rule["ports"]]

    policy = only(render(MATRIX["standing-defaults"]), "NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert [ports(rule) for rule in policy["egress"]] == [[53, 53], [9092], [443]]
    assert [ports(rule) for rule in policy["ingress"]] == [[9464]]

    policy = only(render(MATRIX["standing-sasl"]), "NetworkPolicy")["spec"]
    assert ports(policy["egress"][1]) == [9091]

    *_, metadata = only(render(MATRIX["job-metadata"]), "NetworkPolicy")["spec"]["egress"]
    assert ports(metadata) == [80]
    assert metadata["to"] == [{"ipBlock": {"cidr": "169.254.169.254/32"}}]

    policy = only(render(MATRIX["cronjob-proxied"]), "NetworkPolicy")["spec"]
    _, kafka, https, extra = policy["egress"]
    assert ports(kafka) == [9092, 9094] and "namespaceSelector" in kafka["to"][0]
    assert ports(https) == [8443, 443, 9000] and https["to"] == [{"ipBlock": {"cidr": "10.0.0.0/8"}}]
    assert ports(extra) == [3128]
    (metrics,) = policy["ingress"]
    assert metrics["from"] == [{"podSelector": {"matchLabels": {"app": "prometheus"}}}]


def test_topics_are_made_before_anything_else_is_there(tmp_path):
    """A hook runs before the release's resources are made: it may rest on none of them."""
    documents = render(MATRIX["standing-creates"])
    (hook,) = [one for one in workloads(documents) if is_hook(one)]
    annotations = hook["metadata"]["annotations"]
    assert annotations["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert container_of(hook)["args"][:2] == ["check", "--create-topics"]
    assert container_of(hook)["args"][-2:] == ["--partitions", "12"]
    spec = pod_of(hook)["spec"]
    assert spec["serviceAccountName"] == "default"
    (settings,) = [one for one in of_kind(documents, "ConfigMap") if is_hook(one)]
    (volume,) = [one for one in spec["volumes"] if one["name"] == "config"]
    assert volume["configMap"]["name"] == settings["metadata"]["name"]
    assert settings["metadata"]["annotations"]["helm.sh/hook-weight"] == "-1"
    (own,) = [one for one in of_kind(documents, "ConfigMap") if not is_hook(one)]
    assert own["data"] == settings["data"]


@pytest.mark.parametrize("mode", BY_MODE)
@pytest.mark.parametrize("release", ["a" * 53, "r" + "-x" * 26, "backscribe", "b", "2024", "a.b"])
def test_names_fit_whatever_the_release_is_called(mode, release):
    """With what Kubernetes appends: a revision (11), a schedule's time (11), an index (4)."""
    appended = {"StatefulSet": 11, "Job": 4, "CronJob": 15, "Service": 0}
    values = {
        "mode": mode, "createTopics": {"enabled": True}, "metrics": {"dashboard": {"enabled": True}},
    }  # fmt: skip
    for document in render(values, release=release):
        name = document["metadata"]["name"]
        assert len(name) + appended.get(document["kind"], 0) <= LABEL_MOST, name
        assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", name), name
        for label in document["metadata"]["labels"].values():
            assert len(label) <= LABEL_MOST


@pytest.mark.parametrize(
    "first, second", [("blue", "green"), ("x" * 52 + "1", "x" * 52 + "2"), ("a.b", "a-b")]
)
def test_two_releases_do_not_get_in_each_others_way(first, second):
    values = {"partitions": 8, "createTopics": {"enabled": True}, "autoscaling": {"enabled": True}}

    def names(documents):
        return {(one["kind"], one["metadata"]["name"]) for one in documents}

    one, other = render(values, release=first), render(values, release=second)
    assert not names(one) & names(other)
    for document in of_kind(one, "Service"):
        assert selected(one + other, document["spec"]["selector"]) == [workload(one)]


def test_alerts_and_dashboard_are_those_that_were_tested():
    documents = render(MATRIX["standing-watched"])
    path = ROOT / "deploy/prometheus/backscribe.rules.yaml"
    rules = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert only(documents, "PrometheusRule")["spec"] == rules
    (board,) = [one for one in of_kind(documents, "ConfigMap") if "backscribe.json" in one["data"]]
    original = (ROOT / "deploy/grafana/backscribe.json").read_text(encoding="utf-8")
    assert json.loads(board["data"]["backscribe.json"]) == json.loads(original)
    assert board["metadata"]["labels"]["grafana_dashboard"] == "1"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.name)
def test_plain_manifests_are_what_kubernetes_takes(path):
    if path.name.startswith("values-"):
        return
    documents = resources(path.read_text(encoding="utf-8"))
    assert documents
    for document in documents:
        judge(document, KUBERNETES[0])
        judge(document, KUBERNETES[-1])


def test_the_secret_of_the_plain_manifests_has_the_files_that_they_name():
    secret = yaml.safe_load((FOLDER / "secret.example.yaml").read_text(encoding="utf-8"))
    for name in ("standing", "job"):
        documents = resources((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
        for path in secret_files(configuration(documents)):
            folder, _, key = path.rpartition("/")
            assert folder == f"/run/secrets/{secret['metadata']['name']}"
            assert key in secret["stringData"]


def test_the_notes_say_which_secrets_must_be_there_and_how_to_ask_a_worker():
    for mode, pod in (("standing", "pod/run-backscribe-0"), ("job", "pod/POD"), ("cronjob", "pod/POD")):
        values = {**SASL, "mode": mode}
        outcome = helm("4", "install", "run", CHART, "--dry-run=client", values=values)
        assert outcome.returncode == 0, outcome.stderr
        _, _, notes = outcome.stdout.partition("NOTES:")
        for path in secret_files(SASL["config"]):
            assert path in notes
        assert f"port-forward {pod} 9464" in notes and "/readyz" in notes
        assert ("--from=cronjob/run-backscribe" in notes) == (mode == "cronjob")


def test_strimzi_takes_the_topics():
    """As v1beta2 too, whose fields are the same: so older releases know them."""
    text = (ROOT / "deploy/strimzi/topics.yaml").read_text(encoding="utf-8")
    topics = resources(text)
    assert len(topics) == 4
    for topic in topics:
        assert topic["apiVersion"] == "kafka.strimzi.io/v1"
        assert topic["metadata"]["labels"]["strimzi.io/cluster"]
        judge({**topic, "apiVersion": "kafka.strimzi.io/v1beta2"}, KUBERNETES[-1])


def secret_files(value):
    """Every path that a key ending in _file, or kafka_files, names."""
    if not isinstance(value, dict):
        return
    for key, below in value.items():
        if key == "kafka_files":
            yield from below.values()
        elif key.endswith("_file"):
            yield below
        else:
            yield from secret_files(below)
