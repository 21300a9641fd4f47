"""Compares exported files with the archive. Shares no code with the program: it reads with fastavro, pyarrow and duckdb.

Reads {"archive": folder, "files": folder, "format", "night"} as JSON. Prints counts and a list of problems, which is empty if each archived
alert is exported exactly once and completely.
"""
import datetime
import gzip
import io
import json
import math
import pathlib
import struct
import sys

import duckdb
import fastavro
import pyarrow.parquet

given = json.load(sys.stdin)
archive = pathlib.Path(given["archive"])
folder = pathlib.Path(given["files"]) / given["format"] / given["night"]
problems = []
schemas = {}
texts = {}


def schema_of(schema_id):
    if schema_id not in schemas:
        texts[schema_id] = json.loads((archive / "v2/schemas" / ("%d.json" % schema_id)).read_text())
        schemas[schema_id] = fastavro.parse_schema(texts[schema_id], _write_hint=False)
    return schemas[schema_id]


alerts = {}
for path in archive.glob("v2/alerts/*/*.avro.gz"):
    frame = gzip.decompress(path.read_bytes())
    schema_id = struct.unpack(">xI", frame[:5])[0]
    alerts[int(path.name.split(".")[0])] = schema_id, fastavro.schemaless_reader(io.BytesIO(frame[5:]), schema_of(schema_id)), frame[5:]


def plain(value):
    """fastavro converts timestamps, which tables have as in the datum: microseconds since 1970."""
    if not isinstance(value, datetime.datetime):
        return value
    return (value - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)) // datetime.timedelta(microseconds=1)


def same(a, b):
    if isinstance(a, float) and isinstance(b, float):
        return a == b or (math.isnan(a) and math.isnan(b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


def named(schema, found):
    """All named types of a schema, by name."""
    if isinstance(schema, list):
        for each in schema:
            named(each, found)
    elif isinstance(schema, dict):
        if schema.get("type") == "record":
            name = schema["name"]
            found[name if "." in name or "namespace" not in schema else "%s.%s" % (schema["namespace"], name)] = schema
        for each in (field["type"] for field in schema.get("fields", [])):
            named(each, found)
        for key in ("type", "items"):
            if isinstance(schema.get(key), (dict, list)):
                named(schema[key], found)
    return found


def ocf():
    seen = set()
    for path in sorted(folder.glob("*.avro")):
        with path.open("rb") as file:
            reader = fastavro.reader(file)
            schema = json.loads(reader.metadata["avro.schema"])
            for record in reader:
                alert_id = next(iter(record.values()))
                schema_id, expected, _ = alerts[alert_id]
                if not same(record, expected):
                    problems.append("%d differs" % alert_id)
                if schema != texts[schema_id]:
                    problems.append("%d is in a file of another schema" % alert_id)
                if alert_id in seen:
                    problems.append("%d is there twice" % alert_id)
                seen.add(alert_id)
    problems.extend("%d is missing" % alert_id for alert_id in alerts.keys() - seen)
    return {"alerts": len(seen)}


NAMES = {"diaSource": "dia_source", "prvDiaSources": "prv_dia_source", "prvDiaForcedSources": "prv_dia_forced_source",
         "diaObject": "dia_object", "ssSource": "ss_source", "mpc_orbits": "mpc_orbits", "MPCORB": "mpcorb", "ssObject": "ss_object"}
TYPES = {"int": "int32", "long": "int64", "float": "float", "double": "double", "boolean": "bool", "string": "string"}


def expected_rows():
    expected = {}
    for alert_id, (schema_id, alert, _) in alerts.items():
        for field, value in alert.items():
            rows = value if isinstance(value, list) else [value] if isinstance(value, dict) else []
            for row in rows:
                extra = {} if field != "diaSource" else {
                    key: each for key, each in alert.items() if not isinstance(each, (list, dict, bytes)) and key not in row and
                    not key.startswith("cutout") and key not in NAMES}
                row = {key: plain(each) for key, each in row.items()}
                expected.setdefault((NAMES[field], schema_id), []).append({"alertId": alert_id, **row, **extra})
    return expected


def parquet():
    expected = expected_rows()
    found = {}
    counts = {}
    for path in sorted(folder.glob("*/*.parquet")):
        table = pyarrow.parquet.read_table(path)
        rows = table.to_pylist()
        schema_id = alerts[rows[0]["alertId"]][0]
        found.setdefault((path.parent.name, schema_id), []).extend(rows)
        types = named(texts[schema_id], {})
        fields = {}
        for record in types.values():
            for field in record["fields"]:
                branches = field["type"] if isinstance(field["type"], list) else [field["type"]]
                given_types = [branch["type"] if isinstance(branch, dict) else branch for branch in branches if branch != "null"]
                fields.setdefault(field["name"], set()).add((TYPES.get(str(given_types[0])), len(branches) > 1))
        for column in table.schema:
            if column.name != "alertId" and (str(column.type), column.nullable) not in fields[column.name]:
                problems.append("%s: %s is %s" % (path.parent.name, column.name, column))
        in_duckdb = duckdb.sql("SELECT count(*), count(DISTINCT alertId) FROM read_parquet('%s')" % path).fetchall()[0]
        if in_duckdb != (len(rows), len({row["alertId"] for row in rows})):
            problems.append("duckdb reads %r" % (in_duckdb,))
    for key in expected.keys() | found.keys():
        mine, theirs = found.get(key, []), expected.get(key, [])
        counts[key[0]] = counts.get(key[0], 0) + len(mine)
        # The rows of an alert have the order of the list in the alert.
        mine, theirs = (sorted(rows, key=lambda row: row["alertId"]) for rows in (mine, theirs))
        if len(mine) != len(theirs):
            problems.append("%s: %d rows, not %d" % (key[0], len(mine), len(theirs)))
            continue
        for row, other in zip(mine, theirs):
            if not same(row, {**{name: None for name in row}, **other}):
                differing = [name for name in other if not same(row.get(name), other[name])]
                problems.append("%s of %d differs: %r" % (key[0], row["alertId"], differing[:3]))
    return {"rows": dict(sorted(counts.items()))}


result = ocf() if given["format"] == "ocf" else parquet()
print(json.dumps({**result, "files": sum(1 for path in folder.rglob("*") if path.is_file()), "problems": problems[:20]}))
