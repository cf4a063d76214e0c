#!/usr/bin/env python3
"""Alerts, their pages and their tests name each other; both alerts and dashboard name metrics that
workers have; and the dashboard is in order. One line a fault on standard output; the exit status is 1
when there is one."""

import json
import pathlib
import re
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = ROOT / "docs/alerts"
SEVERITIES = {"critical", "warning"}
ANNOTATIONS = {"summary", "description", "runbook_url"}
HEADINGS = ("## How to look", "## What it usually is", "## When it may be silenced")
OTHERS = {"up"}  # metrics that are not the worker's own
GRAFANAS = {"__rate_interval", "__interval", "__range"}
METRIC = re.compile(r"\b(?:backscribe|process)_[a-z_]+\b")


def rules():
    text = (ROOT / "deploy/prometheus/backscribe.rules.yaml").read_text()
    return [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


def metrics():
    """What the worker's source calls its metrics, with the series of histograms."""
    text = (ROOT / "worker/edges/admin_metrics.c").read_text()
    names = set(re.findall(r'"((?:backscribe|process)_[a-z_]+)"', text))
    histograms = set(re.findall(r'distribution\(page, "(backscribe_[a-z_]+)"', text))
    return names | {f"{name}_{part}" for name in histograms for part in ("bucket", "sum", "count")}


def unknown(expression, known):
    """Metrics in it that no worker has. Labels' names and values are none."""
    bare = re.sub(r"\b(by|on|group_left|without) \([^)]*\)", " ", re.sub(r"\{[^}]*\}", " ", expression))
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    for name in recorded:
        bare = bare.replace(name, " ")
    return sorted(set(METRIC.findall(bare)) - known - OTHERS)


# ---- alerts


def told(alert):
    """What a test says of it: (it fires, it is silent)."""
    fires = silent = False
    for path in sorted((ROOT / "tests/monitoring/rules").glob("*.yaml")):
        for test in yaml.safe_load(path.read_text())["tests"]:
            for case in test.get("alert_rule_test", []):
                if case["alertname"] == alert:
                    fires |= bool(case.get("exp_alerts"))
                    silent |= not case.get("exp_alerts")
            for case in test.get("promql_expr_test", []):
                if f'alertname="{alert}"' in case["expr"]:
                    fires |= bool(case["exp_samples"])
                    silent |= not case["exp_samples"]
    return fires, silent


def alert_faults(rule, list_of_pages):
    name = rule["alert"]
    severity = rule.get("labels", {}).get("severity")
    if severity not in SEVERITIES:
        yield f"severity {severity}"
    if set(rule["annotations"]) != ANNOTATIONS:
        yield f"annotations {sorted(rule['annotations'])}"
    if rule["annotations"].get("runbook_url") != f"docs/alerts/{name}.md":
        yield "runbook_url does not name its page"
    if told(name) != (True, True):
        yield "no test in which it fires, or none in which it is silent"
    if f"| [{name}]({name}.md) | {severity} |" not in list_of_pages:
        yield "docs/alerts/README.md does not list it with its severity"
    page = PAGES / f"{name}.md"
    text = page.read_text() if page.exists() else ""
    if not text.startswith(f"# {name}\n"):
        yield "it has no page"
    for heading in HEADINGS:
        if heading not in text:
            yield f"its page has no {heading!r}"
    if "**What users notice**" not in text:
        yield "its page does not say what users notice"


def of_alerts():
    known = metrics()
    list_of_pages = (PAGES / "README.md").read_text()
    for rule in rules():
        for name in unknown(rule["expr"], known):
            yield rule.get("alert", rule.get("record")), f"no worker has {name}"
        if "alert" in rule:
            for fault in alert_faults(rule, list_of_pages):
                yield rule["alert"], fault
    alerts = {rule.get("alert") for rule in rules()}
    for page in sorted(PAGES.glob("*.md")):
        if page.stem not in alerts | {"README"}:
            yield page.stem, "a page of no alert"


# ---- the dashboard


def target_faults(panel, target, known, variables):
    if target["datasource"] != {"type": "prometheus", "uid": "${datasource}"}:
        yield "a data source of its own"
    for name in unknown(target["expr"], known):
        yield f"no worker has {name}"
    for name in re.findall(r"\$\{?(\w+)", target["expr"]):
        if name not in variables | GRAFANAS:
            yield f"no variable {name}"
    if target["instant"] == target["range"]:
        yield "neither instant nor range"
    if panel["type"] == "timeseries" and not target["legendFormat"]:
        yield "a target without a legend"


def panel_faults(panel, known, variables):
    if panel["type"] == "row":
        return
    for field in ("title", "description"):
        if not panel.get(field):
            yield f"no {field}"
    if not panel["fieldConfig"]["defaults"].get("unit"):
        yield "no unit"
    references = [target["refId"] for target in panel["targets"]]
    if not references or len(set(references)) != len(references):
        yield f"targets {references}"
    for target in panel["targets"]:
        yield from target_faults(panel, target, known, variables)


def cells(panel):
    place = panel["gridPos"]
    for x in range(place["x"], place["x"] + place["w"]):
        for y in range(place["y"], place["y"] + place["h"]):
            yield x, y


def of_the_dashboard():
    dashboard = json.loads((ROOT / "deploy/grafana/backscribe.json").read_text())
    known, variables = metrics(), {each["name"] for each in dashboard["templating"]["list"]}
    if dashboard["uid"] != "backscribe" or dashboard["schemaVersion"] < 36 or "id" in dashboard:
        yield "dashboard", "uid, schemaVersion or id"
    taken, numbers, titles = set(), set(), set()
    for panel in dashboard["panels"]:
        for fault in panel_faults(panel, known, variables):
            yield panel["title"], fault
        if panel["id"] in numbers or panel["title"] in titles:
            yield panel["title"], "its id or title is taken"
        numbers.add(panel["id"])
        titles.add(panel["title"])
        own = set(cells(panel))
        if own & taken or max(x for x, _ in own) >= 24:
            yield panel["title"], "overlaps another panel, or the edge"
        taken |= own


def main():
    faults = [*of_alerts(), *of_the_dashboard()]
    for of, fault in faults:
        print(f"{of}: {fault}")
    print(f"{len(rules())} rules, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
