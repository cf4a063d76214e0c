"""The chart rendered by a real Helm, and what Kubernetes would say of each resource."""

import copy
import functools
import json
import os
import pathlib
import re
import subprocess

import jsonschema
import kubernetes_validate
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
CHART = ROOT / "deploy/helm/backscribe"
FETCHED = pathlib.Path(os.environ.get("BACKSCRIBE_HELM_FOLDER", ROOT / "build/helm"))
HELMS = ("3", "4")
# The oldest that Chart.yaml allows, and the newest whose schemas the package has.
KUBERNETES = ("1.29", "1.37")
LABEL_MOST = 63


def helm(version, *arguments, values=None):
    assert (FETCHED / "complete").exists(), f"{FETCHED}: made by deploy/helm/fetch.sh"
    command = [FETCHED / f"helm-{version}", *arguments]
    if values is not None:
        command += ["--values", "-"]
    return subprocess.run(
        command, input=json.dumps(values or {}), capture_output=True, text=True, timeout=60
    )


class Refused(Exception):
    pass


def resources(text):
    documents = yaml.load_all(text, Loader=yaml.CSafeLoader)
    return [document for document in documents if document is not None]


def render(values=None, release="run", version="4"):
    """The resources, in Helm's order. They are shared: change none."""
    return _rendered(json.dumps(values or {}), release, version)


@functools.cache
def _rendered(values, release, version):
    command = ("template", release, CHART, "--namespace", "speech")
    outcome = helm(version, *command, values=json.loads(values))
    if outcome.returncode != 0:
        raise Refused(outcome.stderr)
    return resources(outcome.stdout)


def of_kind(documents, kind):
    return [document for document in documents if document["kind"] == kind]


def only(documents, kind):
    (found,) = of_kind(documents, kind)
    return found


def is_hook(document):
    return "helm.sh/hook" in document["metadata"].get("annotations", {})


def job_spec(document):
    spec = document["spec"]
    return spec["jobTemplate"]["spec"] if document["kind"] == "CronJob" else spec


def workloads(documents):
    return [one for one in documents if one["kind"] in ("StatefulSet", "Job", "CronJob")]


def workload(documents):
    (found,) = [one for one in workloads(documents) if not is_hook(one)]
    return found


def pod_of(document):
    return job_spec(document)["template"]


def container_of(document, name="backscribe"):
    spec = pod_of(document)["spec"]
    (found,) = [
        one for one in spec.get("initContainers", []) + spec["containers"] if one["name"] == name
    ]
    return found


def configuration(documents):
    (found,) = [
        one for one in of_kind(documents, "ConfigMap")
        if not is_hook(one) and "config.json" in one["data"]
    ]
    return json.loads(found["data"]["config.json"])


def selected(documents, labels):
    """The resources whose pods have all of these labels."""
    return [
        one for one in workloads(documents)
        if labels.items() <= pod_of(one)["metadata"]["labels"].items()
    ]


def memory_bytes(quantity):
    units = {"Mi": 1 << 20, "Gi": 1 << 30, "M": 10**6, "G": 10**9}
    return int(quantity[:-2]) * units[quantity[-2:]]


# ---- what Kubernetes takes ----------------------------------------------------------------------


def closed(schema):
    """A custom resource's schema that takes no field that it does not name: Kubernetes would drop
    it silently."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: closed(value) for key, value in schema.items()}
    open_by_intent = made.get("x-kubernetes-preserve-unknown-fields")
    if "properties" in made and made.get("type") == "object" and not open_by_intent:
        made.setdefault("additionalProperties", False)
    return made


@functools.cache
def custom_schemas():
    """{(apiVersion, kind): schema} of what was fetched."""
    made = {}
    for path in sorted((FETCHED / "crds").glob("*.yaml")):
        for definition in resources(path.read_text(encoding="utf-8")):
            spec = definition["spec"]
            for version in spec["versions"]:
                schema = copy.deepcopy(version["schema"]["openAPIV3Schema"])
                schema["properties"]["metadata"] = {
                    "type": "object",
                    "additionalProperties": True,
                }
                name = f"{spec['group']}/{version['name']}"
                made[name, spec["names"]["kind"]] = jsonschema.Draft202012Validator(closed(schema))
    return made


LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
PROBES = {"startupProbe", "livenessProbe", "readinessProbe"}


def unique(names):
    assert len(set(names)) == len(names), names


def judge_container(container, volumes, starts_before):
    if starts_before:
        assert not PROBES & set(container), f"{container['name']} is no sidecar: it has no probes"
    ports = [port["name"] for port in container.get("ports", [])]
    for probe in PROBES & set(container):
        assert container[probe]["httpGet"]["port"] in ports
    assert {mount["name"] for mount in container["volumeMounts"]} <= set(volumes)
    unique([mount["mountPath"] for mount in container["volumeMounts"]])
    unique([variable["name"] for variable in container["env"]])


def judge_beyond_schemas(document):
    """Rules of Kubernetes' own that compare parts of a resource: the schemas do not have them."""
    for value in document["metadata"].get("labels", {}).values():
        assert isinstance(value, str) and LABEL.fullmatch(value), value
    if document["kind"] not in ("StatefulSet", "Job", "CronJob"):
        return
    spec, pod = job_spec(document), pod_of(document)
    before, containers = pod["spec"].get("initContainers", []), pod["spec"]["containers"]
    names = [container["name"] for container in before + containers]
    volumes = [volume["name"] for volume in pod["spec"]["volumes"]]
    unique(names)
    unique(volumes)
    for container in before + containers:
        judge_container(container, volumes, container in before)
    for rule in spec.get("podFailurePolicy", {}).get("rules", []):
        if "onExitCodes" in rule:
            codes = rule["onExitCodes"]
            assert codes["containerName"] in names and codes["values"] == sorted(codes["values"])
            assert pod["spec"]["restartPolicy"] == "Never"
    if document["kind"] == "StatefulSet":
        labels = pod["metadata"]["labels"]
        assert spec["selector"]["matchLabels"].items() <= labels.items()
        assert "restartPolicy" not in pod["spec"]


def judge(document, kubernetes):
    """Raises where Kubernetes would refuse the resource, or drop a part of it."""
    _judge(json.dumps(document), kubernetes)


@functools.cache
def _judge(text, kubernetes):
    document = json.loads(text)
    custom = custom_schemas().get((document["apiVersion"], document["kind"]))
    if custom is not None:
        custom.validate(document)
    else:
        kubernetes_validate.validate(document, kubernetes, strict=True)
    judge_beyond_schemas(document)
