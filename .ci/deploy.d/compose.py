"""Checks what no schema says of a compose file: `compose.py FILE SAMPLE`.

Names lead somewhere, every service is watched and limited, and no secret stands in the file.
"""

import re
import sys
from pathlib import Path

import yaml

# Services whose images hold no program that could ask them how they are.
UNWATCHED = {"jaeger"}
SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|AUTH|API_KEYS")


def service_faults(name, service, compose, folder):
    """What is wrong with one service."""
    if "healthcheck" not in service and name not in UNWATCHED:
        yield "nobody asks how it is"
    limits = service.get("deploy", {}).get("resources", {}).get("limits", {})
    if {"cpus", "memory"} - limits.keys():
        yield "it has no limits"
    if not re.search(r":[\w.${}:-]*\d", service["image"]):
        yield "its image has no version"
    for other, how in service.get("depends_on", {}).items():
        if how["condition"] == "service_healthy" and "healthcheck" not in compose["services"].get(other, {}):
            yield f"it waits for {other}, which nobody asks how it is"
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        if source.startswith("."):
            if not (folder / source).exists():
                yield f"{source} is not there"
        elif source not in compose["volumes"]:
            yield f"its volume {source} is not declared"
    for variable, value in service.get("environment", {}).items():
        if SECRET.search(variable) and not re.fullmatch(r"\$\{\w+:\?[^}]+\}", str(value)):
            yield f"{variable} must come from the environment and be required"
    for port in service.get("ports", []):
        if not str(port).startswith("127.0.0.1:"):
            yield f"port {port} is open to everybody"


def main():
    path, sample = Path(sys.argv[1]), Path(sys.argv[2])
    text = path.read_text(encoding="utf-8")
    compose = yaml.safe_load(text)
    found = []
    for name, service in compose["services"].items():
        found += [f"{name}: {fault}" for fault in service_faults(name, service, compose, path.parent)]
    used = {name for service in compose["services"].values() for v in service.get("volumes", []) for name in [v.split(":")[0]]}
    found += [f"volume {name}: nobody uses it" for name in compose["volumes"] if name not in used]
    required = set(re.findall(r"\$\{(\w+):\?", text))
    sampled = set(re.findall(r"^(\w+)=$", sample.read_text(encoding="utf-8"), re.M))
    if required != sampled:
        found.append(f"{sample.name} and the required variables differ: {sorted(required ^ sampled)}")
    build = compose["services"]["api"]["build"]
    if not (path.parent / build["context"] / build["dockerfile"]).exists():
        found.append("api: its Dockerfile is not there")
    for fault in found:
        print(f"{path}: {fault}", file=sys.stderr)
    if not found:
        print(f"{path}: {len(compose['services'])} services")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
