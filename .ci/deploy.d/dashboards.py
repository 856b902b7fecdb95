"""Checks Grafana's dashboards, and writes their queries as rules for promtool: `dashboards.py RULES FILE…`."""

import json
import sys

# What Grafana puts in place of its variables.
VARIABLES = {"$__rate_interval": "1m", "$instance": ".*", "${datasource}": "prometheus"}


def queries(dashboard):
    """Title and query of each target, as Grafana would send it."""
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            query = target["expr"]
            for variable, value in VARIABLES.items():
                query = query.replace(variable, value)
            yield panel["title"], query


def faults(dashboard):
    """What Grafana would show wrongly, or not at all."""
    taken = set()
    ids = set()
    known = {"${" + variable["name"] + "}" for variable in dashboard["templating"]["list"]}
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        if cells & taken or place["x"] + place["w"] > 24:
            yield f"{panel['title']} lies on another panel, or off the grid"
        if panel["id"] in ids:
            yield f"{panel['title']} has another panel's id"
        if panel["datasource"]["uid"] not in known:
            yield f"{panel['title']} does not use the data source that the dashboard lets one choose"
        if not panel["targets"] or not panel["fieldConfig"]["defaults"].get("unit"):
            yield f"{panel['title']} has no query or no unit"
        taken |= cells
        ids.add(panel["id"])
    for title, query in queries(dashboard):
        if "$" in query:
            yield f"{title} has a variable that is unknown here: {query}"
        if 'job="tidegate"' not in query:
            yield f"{title} asks for series of other jobs too: {query}"


def main():
    rules_path, *paths = sys.argv[1:]
    rules, uids, found = [], set(), []
    for path in paths:
        with open(path, encoding="utf-8") as file:
            dashboard = json.load(file)
        found += [f"{path}: {fault}" for fault in faults(dashboard)]
        if dashboard["uid"] in uids:
            found.append(f"{path}: another dashboard has its uid")
        uids.add(dashboard["uid"])
        for title, query in queries(dashboard):
            rules.append({"record": f"panel:{len(rules)}", "expr": query, "labels": {"panel": title}})
    if not rules:
        found.append("there are no queries at all")
    # JSON is YAML too.
    with open(rules_path, "w", encoding="utf-8") as file:
        json.dump({"groups": [{"name": "panels", "rules": rules}]}, file)
    for fault in found:
        print(fault, file=sys.stderr)
    if not found:
        print(f"{len(paths)} dashboards with {len(rules)} queries")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
