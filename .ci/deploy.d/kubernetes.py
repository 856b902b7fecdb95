"""Checks what no schema says of built manifests: `kubernetes.py FILE…`, each the output of one kustomization.

Names lead somewhere, selectors select something, pods are locked down, and a stopping pod has time to drain.
"""

import sys
import tomllib

import yaml


def templates(objects):
    """Each workload's name with its pod template."""
    for item in objects:
        if item["kind"] in ("Deployment", "StatefulSet"):
            yield item, item["spec"]["template"]


def selects(selector, labels):
    return bool(selector) and all(labels.get(name) == value for name, value in selector.items())


def pod_faults(workload, template, objects):
    """What is wrong with one workload's pods."""
    spec = template["spec"]
    security = spec.get("securityContext", {})
    if not security.get("runAsNonRoot") or security.get("seccompProfile") != {"type": "RuntimeDefault"}:
        yield "pods may run as root, or without a seccomp profile"
    if spec.get("automountServiceAccountToken") is not False:
        yield "pods get a token that they do not need"
    if not any(o["kind"] == "ServiceAccount" and o["metadata"]["name"] == spec["serviceAccountName"] for o in objects):
        yield "its service account is not here"
    if not selects(workload["spec"]["selector"]["matchLabels"], template["metadata"]["labels"]):
        yield "it does not select its own pods"
    claims = {claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", [])}
    volumes = {volume["name"]: volume for volume in spec.get("volumes", [])}
    settings = None
    for volume in volumes.values():
        name = volume.get("configMap", {}).get("name")
        maps = [o for o in objects if o["kind"] == "ConfigMap" and o["metadata"]["name"] == name]
        if name and not maps:
            yield f"its ConfigMap {name} is not here"
        elif name:
            settings = tomllib.loads(maps[0]["data"]["tidegate.toml"])
    for container in spec["containers"]:
        own = container.get("securityContext", {})
        if (
            own.get("allowPrivilegeEscalation") is not False
            or own.get("readOnlyRootFilesystem") is not True
            or own.get("capabilities") != {"drop": ["ALL"]}
        ):
            yield "a container is not locked down"
        resources = container.get("resources", {})
        if {"cpu", "memory"} - resources.get("requests", {}).keys() or "memory" not in resources.get("limits", {}):
            yield "a container does not say what it needs"
        ports = {port["name"] for port in container["ports"]}
        probes = {"startupProbe": "/health", "livenessProbe": "/health", "readinessProbe": "/ready"}
        for probe, path in probes.items():
            asked = container.get(probe, {}).get("httpGet", {})
            if asked.get("path") != path or asked.get("port") not in ports:
                yield f"its {probe} does not ask {path}"
        for mount in container["volumeMounts"]:
            if mount["name"] not in volumes.keys() | claims:
                yield f"its volume {mount['name']} is not there"
        tag = container["image"].rpartition(":")[2]
        if tag in (container["image"], "latest"):
            yield "its image has no version"
        pause = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        drain = settings["server"]["drain_timeout_ms"] / 1000 if settings else 0
        if not spec["terminationGracePeriodSeconds"] > pause + drain:
            yield f"its pods are killed before {pause} s and a drain of {drain:g} s are over"


def object_faults(item, objects):
    """What is wrong with what points at pods."""
    labels = [template["metadata"]["labels"] for _, template in templates(objects)]
    spec, kind = item.get("spec", {}), item["kind"]
    selector = {
        "Service": lambda: spec["selector"],
        "PodDisruptionBudget": lambda: spec["selector"]["matchLabels"],
        "NetworkPolicy": lambda: spec["podSelector"]["matchLabels"],
    }.get(kind)
    # The base alone has no pods.
    if selector and labels and not any(selects(selector(), pod) for pod in labels):
        yield "it selects no pod"
    if kind == "Service":
        ports = {port["name"] for _, t in templates(objects) for c in t["spec"]["containers"] for port in c["ports"]}
        if any(port["targetPort"] not in ports for port in spec["ports"]):
            yield "its port is none of a pod's"
    if kind == "HorizontalPodAutoscaler":
        target = spec["scaleTargetRef"]
        if not any((o["kind"], o["metadata"]["name"]) == (target["kind"], target["name"]) for o in objects):
            yield "what it scales is not here"
        settings = [tomllib.loads(o["data"]["tidegate.toml"]) for o in objects if o["kind"] == "ConfigMap"]
        if target["name"].endswith("worker") and not spec["maxReplicas"] <= settings[0]["store"]["shards"]:
            yield "it makes more workers than there are shards"
    if kind == "Secret":
        yield "secrets have no place in the repository"


def main():
    found = 0
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as file:
            objects = [item for item in yaml.safe_load_all(file) if item]
        denied = any(o["kind"] == "NetworkPolicy" and set(o["spec"]) == {"podSelector", "policyTypes"} for o in objects)
        faults = [] if denied else [("NetworkPolicy", "nothing is denied by default")]
        for item in objects:
            name = f"{item['kind']} {item['metadata']['name']}"
            faults += [(name, fault) for fault in object_faults(item, objects)]
        for workload, template in templates(objects):
            name = f"{workload['kind']} {workload['metadata']['name']}"
            faults += [(name, fault) for fault in pod_faults(workload, template, objects)]
        for name, fault in faults:
            print(f"{path}: {name}: {fault}", file=sys.stderr)
        found += len(faults)
        print(f"{path}: {len(objects)} objects")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
