"""Sends a server some traffic and asks Prometheus the dashboards' queries: `ask_prometheus.py SERVER PROMETHEUS FILE…`."""

import json
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

from dashboards import queries

# Metrics that dashboards know before the server has them: one file for this and for the server's own test.
TO_COME = "crates/server/tests/it/deploy/to_come.txt"
TRAFFIC_S = 12


def post(url, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    try:
        urllib.request.urlopen(request, timeout=10).read()
    except urllib.error.HTTPError as error:
        error.read()


def ask(prometheus, path, **query):
    with urllib.request.urlopen(f"{prometheus}/api/v1/{path}?{urllib.parse.urlencode(query)}", timeout=10) as answer:
        return json.load(answer)


def wait_for(prometheus):
    for _ in range(100):
        try:
            return urllib.request.urlopen(f"{prometheus}/-/ready", timeout=2).read()
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    sys.exit("Prometheus does not start")


def traffic(server):
    """One of everything that a panel shows, again and again: new, twice, wrong, screened on request."""
    end, number = time.monotonic() + TRAFFIC_S, 0
    while time.monotonic() < end:
        event = {"type": "message.user", "sessionId": "s", "content": "You are such a stupid idiot!!!"}
        event["idempotencyKey"] = f"key-{number}"
        for body in (event, event, {"type": 7}):
            post(f"{server}/v1/events", body)
        post(f"{server}/v1/risk/screen", {"content": "hello"})
        number += 1
        time.sleep(0.1)


def main():
    server, prometheus, *paths = sys.argv[1:]
    with open(TO_COME, encoding="utf-8") as file:
        to_come = [line.split()[0] for line in file]
    is_to_come = re.compile(rf"\b({'|'.join(to_come)})\b") if to_come else re.compile(r"(?!)")
    wait_for(prometheus)
    traffic(server)
    faults, shown, empty = [], 0, 0
    for path in paths:
        with open(path, encoding="utf-8") as file:
            dashboard = json.load(file)
        for title, query in queries(dashboard):
            try:
                result = ask(prometheus, "query", query=query)["data"]["result"]
            except urllib.error.HTTPError as error:
                faults.append(f"{path}: {title}: {error.code} {error.read().decode()}")
                continue
            if not result and not is_to_come.search(query):
                faults.append(f"{path}: {title}: nothing to show: {query}")
            shown, empty = shown + bool(result), empty + (not result)
    rules = [rule for group in ask(prometheus, "rules")["data"]["groups"] for rule in group["rules"]]
    faults += [f"alert {rule['name']}: {rule['lastError']}" for rule in rules if rule["health"] != "ok"]
    faults += [f"alert {rule['name']}: fires on a server that is well" for rule in rules if rule["state"] == "firing"]
    if not rules:
        faults.append("Prometheus knows no alerts")
    for fault in faults:
        print(fault, file=sys.stderr)
    print(f"{shown} queries show something, {empty} wait for metrics to come; {len(rules)} alerts are evaluated")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
