"""Independent judge of a compacted night: compares the manifest and files of a revision with the segments. Shares no code with the program.

Reads the segments with pyarrow and the revision with duckdb. The input is JSON on stdin: index (a folder) and night. Prints JSON: the
numbers of all and of the complete revisions, the manifest of the newest one, and a list of problems.
"""
import collections
import hashlib
import json
import pathlib
import sys

import duckdb
import pyarrow.parquet

config = json.load(sys.stdin)
root, night = pathlib.Path(config["index"]), config["night"]
problems = []
COLUMNS = [
    "id", "night", "visit", "detector", "diaObjectId", "ssObjectId", "midpointMjdTai", "ra", "dec", "healpix29", "band", "psfFlux",
    "psfFluxErr", "snr", "reliability", "schemaId", "frameBytes", "sha256", "topic", "topicId", "partition", "offset", "timestamp", "key",
]
LAST = float("inf")


def plain(value):
    """Makes NaN equal to NaN."""
    return "nan" if isinstance(value, float) and value != value else value


def delivery(row):
    return [(row[name] is None, row[name]) if row[name] is not None else (True, 0) for name in ("timestamp", "topic", "partition", "offset")]


def expected(keys):
    """The first delivery of each frame in the segments."""
    shown = {}
    for key in keys:
        for row in pyarrow.parquet.read_table(root / key).to_pylist():
            identity = (row["id"], row["sha256"])
            if identity not in shown or delivery(row) < delivery(shown[identity]):
                shown[identity] = row
    return shown


def summary(table):
    """Rows of a segment and the ranges of its columns, without columns whose range is not finite."""
    ranges = {}
    for name in ["id", "night", "visit", "detector", "diaObjectId", "ssObjectId", "timestamp", "ra", "dec"]:
        values = [value for value in table[name].to_pylist() if value is not None]
        if values and all(abs(value) < LAST for value in values):
            ranges[name] = [value if name in ("ra", "dec") else str(value) for value in (min(values), max(values))]
        elif not values:
            ranges[name] = None
    return {"rows": table.num_rows, "ranges": ranges}


def check(number):
    manifest = json.loads((root / f"index/v1/revisions/{night}/{number:06}/manifest.json").read_text())
    shown = expected(manifest["segments"])
    rows = sorted(shown.values(), key=lambda row: (row["id"], row["sha256"]))
    for order, column in (("byObject", "diaObjectId"), ("byPosition", "healpix29")):
        files = manifest["files"][order]
        found = []
        for file in files:
            body = (root / file["key"]).read_bytes()
            if (len(body), hashlib.sha256(body).hexdigest()) != (file["bytes"], file["sha256"]):
                problems.append(f"{file['key']}: bytes or SHA-256")
            part = duckdb.sql(f"SELECT * FROM read_parquet('{root / file['key']}')")
            if part.columns != COLUMNS:
                problems.append(f"{file['key']}: columns {part.columns}")
            part = [dict(zip(part.columns, row)) for row in part.fetchall()]
            ends = [None if row[column] is None else str(row[column]) for row in (part[0], part[-1])]
            if (len(part), *ends) != (file["rows"], file["first"], file["last"]):
                problems.append(f"{file['key']}: {len(part)} rows, {ends}")
            found += part
        key = lambda row: (LAST if row[column] is None else row[column], row["id"], row["sha256"])
        if [key(row) for row in found] != sorted(key(row) for row in found):
            problems.append(f"{order} of revision {number} is not sorted")
        same = sorted(found, key=lambda row: (row["id"], row["sha256"]))
        if [[plain(row[name]) for name in COLUMNS] for row in same] != [[plain(row[name]) for name in COLUMNS] for row in rows]:
            problems.append(f"{order} of revision {number} has other rows than the segments")
    counts = collections.defaultdict(lambda: collections.defaultdict(int))
    for row in rows:
        counts[None if row["visit"] is None else str(row["visit"])]["none" if row["detector"] is None else str(row["detector"])] += 1
    summaries = [summary(pyarrow.parquet.read_table(root / key)) for key in manifest["segments"]]
    if manifest["segmentSummaries"] != summaries:
        problems.append(f"revision {number}: the summaries of the segments are {manifest['segmentSummaries']}, not {summaries}")
    stamps = [row["timestamp"] for row in rows if row["timestamp"] is not None]
    right = {
        "version": 1, "night": night, "revision": number, "rows": len(rows), "alerts": len({row["id"] for row in rows}),
        "bytes": sum(row["frameBytes"] for row in rows),
        "firstTimestamp": min(stamps, default=None), "lastTimestamp": max(stamps, default=None),
        "digest": hashlib.sha256("".join(f"{row['id']}:{row['sha256'].hex()}\n" for row in rows).encode()).hexdigest(),
        "visits": [{"visit": visit, "rows": sum(counts[visit].values()), "detectors": dict(counts[visit])}
                   for visit in sorted(counts, key=lambda visit: (visit is None, int(visit or 0)))],
    }
    for name, value in right.items():
        if manifest[name] != value:
            problems.append(f"revision {number}: {name} is {manifest[name]}, not {value}")
    return manifest


folders = sorted((root / "index/v1/revisions" / night).glob("*"))
complete = [int(folder.name) for folder in folders if (folder / "manifest.json").exists()]
manifests = [check(number) for number in complete]
present = sorted(str(path.relative_to(root)) for path in (root / "index/v1/segments" / night).glob("*.parquet"))
print(json.dumps({
    "revisions": [int(folder.name) for folder in folders], "complete": complete,
    "covered": bool(manifests) and manifests[-1]["segments"] == present,
    "manifest": manifests[-1] if manifests else None, "problems": problems[:10],
}))
