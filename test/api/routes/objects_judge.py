"""Judges the light curve of an object with fastavro: merges the sources of its alerts again.

Input: {"alerts": [{"id", "schema", "datum" (base64)}, ... in the order of publication], "response": {...}, "csv": "..."}.
Prints [fault, ...].
"""
import base64
import csv
import io
import json
import math
import sys

import fastavro


def cell(value):
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def bare(text):
    """The schema without logical types, which fastavro would read as dates."""
    def strip(node):
        node.pop("logicalType", None)
        return node
    return fastavro.parse_schema(json.loads(text, object_hook=strip))


case = json.load(sys.stdin)
faults = []
sources, forced, triggers = {}, {}, set()
for alert in case["alerts"]:
    record = fastavro.schemaless_reader(io.BytesIO(base64.b64decode(alert["datum"])), bare(alert["schema"]))
    triggers.add(record["diaSource"]["diaSourceId"])
    for source in [*(record["prvDiaSources"] or []), record["diaSource"]]:
        sources[source["diaSourceId"]] = {**source, "alertId": int(alert["id"])}
    for source in record["prvDiaForcedSources"] or []:
        forced[source["diaForcedSourceId"]] = {**source, "alertId": int(alert["id"])}

response = case["response"]
if response["alerts"] != [alert["id"] for alert in case["alerts"]]:
    faults.append("alerts")
for name, kind, key, expected in (
    ("sources", "detection", "diaSourceId", sources), ("forcedSources", "forced", "diaForcedSourceId", forced),
):
    found = response[name]
    if sorted(int(point[key]) for point in found) != sorted(expected):
        faults.append(f"{name}: not each {key} once")
        continue
    times = [point["midpointMjdTai"] for point in found if point["midpointMjdTai"] is not None]
    if times != sorted(times):
        faults.append(f"{name}: not by time")
    for point in found:
        source = expected[int(point[key])]
        if point["kind"] != kind or point["trigger"] != (kind == "detection" and int(point[key]) in triggers):
            faults.append(f"{name} {point[key]}: kind or trigger")
        for column, value in point.items():
            if column in ("kind", "trigger"):
                continue
            wanted = cell(source.get(column))
            if (str(wanted) if isinstance(value, str) else wanted) != value:
                faults.append(f"{name} {point[key]}: {column} is {value!r} and not {wanted!r}")

lines = list(csv.DictReader(io.StringIO(case["csv"], newline="")))
points = [*response["sources"], *response["forcedSources"], *response["limits"]]


def text(value):
    return "" if value is None else str(value).lower() if isinstance(value, bool) else value


def same(line, point):
    return list(line) == list(point) and all(
        float(line[name]) == value if isinstance(value, (int, float)) and not isinstance(value, bool) else line[name] == text(value)
        for name, value in point.items())


def identity(point):
    return (point["kind"], point["diaSourceId"] or "", point["diaForcedSourceId"] or "")


if len(lines) != len(points) or not all(map(same, sorted(lines, key=identity), sorted(points, key=identity))):
    faults.append("CSV differs from JSON")
print(json.dumps(faults))
