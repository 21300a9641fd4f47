"""Independent judge of a night: compares the objects of an archive with the rows of its index. Shares no code with the program.

Reads the objects with Python's gzip and the segments with pyarrow. The input is JSON on stdin: root (a folder with both) and night. Prints
JSON: ids of the alerts without a row, of the rows without an object, of those whose frames differ, of those stored or listed twice, and
counts. With `edit`, changes one segment first, as somebody with pyarrow would: `drop` and `repeat` are ids.
"""
import collections
import gzip
import hashlib
import json
import pathlib
import re
import sys

import pyarrow
import pyarrow.parquet

config = json.load(sys.stdin)
root, night = pathlib.Path(config["root"]), config["night"]
DAY = 42


def edit(path, drop, repeat):
    table = pyarrow.parquet.read_table(path)
    ids = [str(value) for value in table.column("id").to_pylist()]
    kept = [index for index, number in enumerate(ids) for _ in range(0 if number == drop else 2 if number == repeat else 1)]
    metadata = dict(table.schema.metadata)
    stated = json.loads(metadata[b"alert-stream.index"])
    metadata[b"alert-stream.index"] = json.dumps(stated | {"rows": len(kept)}).encode()
    pyarrow.parquet.write_table(table.take(kept).replace_schema_metadata(metadata), path, compression="zstd")


if "edit" in config:
    edit(root / config["edit"]["key"], config["edit"].get("drop"), config["edit"].get("repeat"))
    sys.exit()

archived = collections.defaultdict(list)
for path in sorted(root.rglob("*")):
    match = re.fullmatch(r"(\d+)\.avro(\.gz)?", path.name)
    if match is None or (int(match[1]) >> DAY) & 0x3FFF != config["day"]:
        continue
    body = path.read_bytes()
    try:
        frame = gzip.decompress(body) if match[2] else body
        archived[match[1]].append(hashlib.sha256(frame).hexdigest())
    except Exception:
        archived[match[1]].append(None)

rows = collections.Counter()
repeated = set()
for path in sorted((root / "index/v1/segments" / night).glob("*.parquet")):
    inside = collections.Counter(
        (str(row["id"]), row["sha256"].hex(), row["topic"], row["partition"], row["offset"])
        for row in pyarrow.parquet.read_table(path, columns=["id", "sha256", "topic", "partition", "offset"]).to_pylist())
    repeated |= {key[0] for key, count in inside.items() if count > 1}
    for key, count in inside.items():
        rows[key[:2]] += count
indexed = collections.defaultdict(set)
for number, digest in rows:
    indexed[number].add(digest)
print(json.dumps({
    "notIndexed": sorted(set(archived) - set(indexed)),
    "orphans": sorted(set(indexed) - set(archived)),
    "different": sorted(number for number in set(archived) & set(indexed)
                        if any(digest is not None and digest not in indexed[number] for digest in archived[number])),
    "damaged": sorted(number for number, digests in archived.items() if None in digests),
    "stored": sorted(number for number, digests in archived.items() if len(digests) > 1),
    "repeated": sorted(repeated),
    "conflicts": sorted(number for number, digests in indexed.items() if len(digests) > 1),
    "archived": len(archived), "rows": sum(rows.values()), "frames": len(rows),
    "verified": sum(1 for number, digests in archived.items() if set(digests) & indexed[number]) if indexed else 0,
}))
