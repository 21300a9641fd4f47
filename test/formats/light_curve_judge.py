"""Judges light curves with fastavro, csv and json.

Cases on stdin: [{"path" (CSV), "json", "schema", "datum" (base64)}]. Prints {"faults", "kinds"}.
"""
import base64
import csv
import io
import json
import math
import sys

import fastavro

# Names up to schema 4.0.
OLD = {"midpointMjdTai": "midPointTai", "band": "filterName", "psfFlux": "psFlux", "psfFluxErr": "psFluxErr", "scienceFlux": "totFlux",
       "scienceFluxErr": "totFluxErr", "dec": "decl"}
LONGS = ("visit", "diaSourceId", "diaForcedSourceId")
faults, kinds = [], set()


def bare(node):
    node.pop("logicalType", None)
    return node


def refuse(word):
    raise ValueError(f"{word} is not JSON")


def expected(alert):
    rows, ids = [], set()
    for name, kind in (("diaSource", "detection"), ("prvDiaSources", "detection"), ("prvDiaForcedSources", "forced"),
                       ("prvDiaNondetectionLimits", "limit")):
        value = alert.get(name)
        for record in value if isinstance(value, list) else [] if value is None else [value]:
            number = record.get("diaSourceId") if kind == "detection" else None
            if number is not None and number in ids:
                continue
            ids.add(number)
            rows.append((record, kind, name == "diaSource"))
    return sorted(rows, key=lambda row: row[0].get("midpointMjdTai", row[0].get("midPointTai")))


for number, case in enumerate(json.load(sys.stdin)):
    schema = fastavro.parse_schema(json.loads(case["schema"], object_hook=bare))
    alert = fastavro.schemaless_reader(io.BytesIO(base64.b64decode(case["datum"])), schema)
    curve = json.loads(case["json"], parse_constant=refuse)
    with open(case["path"], newline="") as file:
        table = list(csv.DictReader(file))
    rows = expected(alert)
    if not len(curve["points"]) == len(table) == len(rows):
        faults.append(f"{number}: {len(curve['points'])} points, {len(table)} lines, {len(rows)} records")
        continue
    for key in ("diaObjectId", "ssObjectId"):
        if curve[key] != (None if alert["diaSource"][key] is None else str(alert["diaSource"][key])):
            faults.append(f"{number}: {key}")
    for index, ((record, kind, trigger), point, line) in enumerate(zip(rows, curve["points"], table)):
        kinds.add(kind)
        if (point["kind"], point["trigger"]) != (kind, trigger) or (line["kind"], line["trigger"]) != (kind, str(trigger).lower()):
            faults.append(f"{number}[{index}]: kind or trigger")
        for name in set(point) - {"kind", "trigger"}:
            value = record.get(name, record.get(OLD.get(name)))
            if isinstance(value, float) and not math.isfinite(value):
                value = None
            if name in LONGS and value is not None:
                value = str(value)
            if point[name] != value:
                faults.append(f"{number}[{index}]: {name} is {point[name]!r}, not {value!r}")
            text = line[name]
            if (value is None and text != "") or (value is not None and type(value)(text) != value):
                faults.append(f"{number}[{index}]: {name} is {text!r} in CSV, not {value!r}")
print(json.dumps({"faults": faults[:20], "kinds": sorted(kinds)}))
