"""Independent judge of an index: compares its segments with the Kafka topic. Shares no code with the program.

Reads the topic with librdkafka and fastavro, the segments with pyarrow and, again, with duckdb. The input is JSON on stdin: brokers, topic,
group, registry and index (a folder). Prints JSON: counts, and a list of problems, which is empty if the index is right.
"""
import datetime
import hashlib
import io
import json
import pathlib
import re
import struct
import sys
import urllib.error
import urllib.request
import uuid

import astropy.units as u
import astropy_healpix
import confluent_kafka
import duckdb
import fastavro
import numpy
import pyarrow
import pyarrow.parquet

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "support"))
from independent_archive import consumer_of, messages

config = json.load(sys.stdin)
problems = []
schemas = {}

TYPES = {
    "id": "int64 not null", "night": "int32", "visit": "int64", "detector": "int32", "diaObjectId": "int64", "ssObjectId": "int64",
    "midpointMjdTai": "double", "ra": "double", "dec": "double", "healpix29": "int64", "band": "string", "psfFlux": "float",
    "psfFluxErr": "float", "snr": "float", "reliability": "float", "schemaId": "int64 not null", "frameBytes": "int32 not null",
    "sha256": "fixed_size_binary[32] not null", "topic": "string", "topicId": "fixed_size_binary[16]", "partition": "int32",
    "offset": "int64", "timestamp": "int64", "key": "binary",
}
OLD_NAMES = {"midpointMjdTai": "midPointTai", "dec": "decl", "band": "filterName", "psfFlux": "psFlux", "psfFluxErr": "psFluxErr"}
FIELDS = ["visit", "detector", "diaObjectId", "ssObjectId", "midpointMjdTai", "ra", "dec", "band", "psfFlux", "psfFluxErr", "snr", "reliability"]


def schema_of(number):
    if number not in schemas:
        try:
            with urllib.request.urlopen(f"{config['registry']}/schemas/ids/{number}") as response:
                schemas[number] = fastavro.parse_schema(json.loads(json.load(response)["schema"]))
        except urllib.error.HTTPError:
            schemas[number] = None
    return schemas[number]


def night_of(number):
    tag, day, detector = number >> 56, (number >> 42) & 0x3FFF, (number >> 19) & 0xFF
    if tag not in (2, 4) or detector >= 205:
        return None
    return int((datetime.date(2010, 1, 1) + datetime.timedelta(days=day)).strftime("%Y%m%d"))


def expected(message):
    """The row of a message, without topic id and HEALPix, or None if the message is not an alert."""
    frame = message.value()
    if frame is None or len(frame) < 5 or frame[0] != 0:
        return None
    number = struct.unpack(">I", frame[1:5])[0]
    schema = schema_of(number)
    if schema is None:
        return None
    stream = io.BytesIO(frame[5:])
    try:
        alert = fastavro.schemaless_reader(stream, schema)
    except Exception:
        return None
    if stream.read() != b"":
        return None
    first = next(iter(alert.values()))
    source = alert.get("diaSource") or {}
    row = {name: source.get(name, source.get(OLD_NAMES.get(name))) for name in FIELDS}
    for name in ("diaObjectId", "ssObjectId"):
        row[name] = row[name] or None
    return row | {
        "id": first, "night": night_of(first), "schemaId": number, "frameBytes": len(frame), "sha256": hashlib.sha256(frame).digest(),
        "topic": message.topic(), "partition": message.partition(), "offset": message.offset(), "timestamp": message.timestamp()[1],
        "key": message.key(),
    }


def identity(value):
    """Makes NaN equal to NaN."""
    return "nan" if isinstance(value, float) and value != value else value


def check_segment(path):
    file = pyarrow.parquet.ParquetFile(path)
    types = {field.name: str(field.type) + ("" if field.nullable else " not null") for field in file.schema_arrow}
    if types != TYPES or list(types) != list(TYPES):
        problems.append(f"{path}: types {types}")
    metadata = json.loads(file.metadata.metadata[b"alert-stream.index"])
    rows = file.read().to_pylist()
    night = path.parent.name
    content = [night] + [f"{r['topicId'] or r['topic']}:{r['partition']}:{r['from']}-{r['to']}" for r in metadata["ranges"]] + \
        [f"{r['topicId'] or r['topic']}:{r['partition']}:{r['offset']}!{r['code']}" for r in metadata["rejected"]]
    if metadata["source"] == "archive":
        content = [night] + [f"{row['id']}:{row['sha256'].hex()}" for row in rows]
    stamps = [row["timestamp"] or 0 for row in rows]
    name = re.fullmatch(r"(\d{13})-([0-9a-f]{16})\.parquet", path.name)
    if name is None or name[2] != hashlib.sha256("\n".join(content).encode()).hexdigest()[:16]:
        problems.append(f"{path}: the name does not follow from the content")
    elif rows and int(name[1]) != min(stamps):
        problems.append(f"{path}: the name has not the smallest timestamp {min(stamps)}")
    if (metadata["version"], metadata["night"], metadata["rows"]) != (1, night, len(rows)):
        problems.append(f"{path}: metadata {metadata}")
    last = float("inf")
    order = [(last if row["visit"] is None else row["visit"], last if row["detector"] is None else row["detector"], row["id"]) for row in rows]
    if order != sorted(order):
        problems.append(f"{path}: the rows are not sorted by visit, detector, id")
    for index in range(file.metadata.num_row_groups):
        group = file.metadata.row_group(index)
        if group.num_rows > 10_000:
            problems.append(f"{path}: a row group of {group.num_rows} rows")
        for column in range(group.num_columns):
            chunk = group.column(column)
            values = [row[chunk.path_in_schema] for row in rows if row[chunk.path_in_schema] is not None]
            if chunk.compression != "ZSTD":
                problems.append(f"{path}: {chunk.path_in_schema} is compressed with {chunk.compression}")
            if chunk.path_in_schema in ("id", "visit", "diaObjectId", "healpix29", "ra") and values and file.metadata.num_row_groups == 1:
                found = chunk.statistics and (chunk.statistics.min, chunk.statistics.max)
                if found != (min(values), max(values)):
                    problems.append(f"{path}: statistics of {chunk.path_in_schema} are {found}")
    for row in rows:
        if (row["night"] is None and night != "other") or (row["night"] is not None and str(row["night"]) != night):
            problems.append(f"{path}: a row of the night {row['night']}")
    return metadata, rows


def same_in_duckdb(paths, rows):
    names = ", ".join(f'"{name}"' for name in TYPES)
    found = duckdb.sql(f"SELECT {names} FROM read_parquet({[str(path) for path in paths]})").fetchall()
    ours = [tuple(row[name] for name in TYPES) for row in rows]
    key = lambda row: (row[0], str(row[19]), str(row[20]), str(row[21]))
    for theirs, mine in zip(sorted(found, key=key), sorted(ours, key=key)):
        if [identity(value) for value in theirs] != [identity(value) for value in mine]:
            problems.append(f"duckdb reads {theirs}, pyarrow {mine}")
            break
    if len(found) != len(ours):
        problems.append(f"duckdb reads {len(found)} rows, pyarrow {len(ours)}")


def check_healpix(rows):
    placed = [row for row in rows if row["ra"] is not None and row["dec"] is not None and row["ra"] == row["ra"]]
    if any(row["healpix29"] is not None for row in rows if row["ra"] is None):
        problems.append("a row without position has a HEALPix number")
    if not placed:
        return
    ra, dec = (numpy.array([row[name] for row in placed]) * u.deg for name in ("ra", "dec"))
    theirs = astropy_healpix.HEALPix(nside=2**29, order="nested").lonlat_to_healpix(ra, dec)
    ours = numpy.array([row["healpix29"] for row in placed], dtype=numpy.int64)
    # At order 29, a position within a rounding error of a border may be on either side of it.
    if (theirs >> 16 != ours >> 16).any() or (theirs != ours).sum() > max(1, len(placed) // 1000):
        problems.append("HEALPix numbers differ from those of astropy-healpix")


paths = sorted(pathlib.Path(config["index"]).glob("index/v1/segments/*/*.parquet"))
segments = [check_segment(path) for path in paths]
rows = [row for _, found in segments for row in found]
if paths:
    same_in_duckdb(paths, rows)
check_healpix(rows)

topic = list(messages(config["brokers"], config["topic"]))
partitions = sorted({message.partition() for message in topic})
consumer = consumer_of(config["brokers"], config["group"])
asked = [confluent_kafka.TopicPartition(config["topic"], partition) for partition in partitions]
committed = {at.partition: at.offset for at in consumer.committed(asked, timeout=60)}
consumer.close()
by_position = {}
for row in rows:
    by_position.setdefault((row["partition"], row["offset"]), []).append(row)
covered = {(r["partition"], offset) for metadata, _ in segments for r in metadata["ranges"] for offset in range(int(r["from"]), int(r["to"]))}
rejections = {(r["partition"], int(r["offset"])): r["code"] for metadata, _ in segments for r in metadata["rejected"]}
topic_ids = {row["topicId"] for row in rows if row["topicId"] is not None}
if len(topic_ids) > 1 or any(str(uuid.UUID(bytes=each)) != config.get("topicId", str(uuid.UUID(bytes=each))) for each in topic_ids):
    problems.append(f"topic ids {topic_ids}")
behind = alerts = 0
shown = {}
for message in topic:
    at = (message.partition(), message.offset())
    row = expected(message)
    found = by_position.pop(at, [])
    if config.get("committedOnly", True) and message.offset() >= committed.get(message.partition(), 0):
        behind += 1
    elif row is None:
        if at not in rejections:
            problems.append(f"{at}: neither an alert nor rejected")
    elif not found:
        problems.append(f"{at}: missing")
    elif config.get("ranges", True) and at not in covered:
        problems.append(f"{at}: no range covers the row")
    if row is None:
        continue
    alerts += 1
    for each in found:
        differing = [name for name in row if identity(row[name]) != identity(each[name])]
        if differing:
            problems.append(f"{at}: {[(name, row[name], each[name]) for name in differing][:3]}")
for at in by_position:
    problems.append(f"{at}: a row without a record")
for row in rows:
    place = (row["timestamp"], row["topic"], row["partition"], row["offset"])
    shown[row["id"], row["sha256"]] = min(place, shown.get((row["id"], row["sha256"]), place))
print(json.dumps({
    "records": len(topic), "alerts": alerts, "rows": len(rows), "shown": len(shown), "segments": len(paths), "behind": behind,
    "rejected": sorted(rejections.values()), "nights": sorted({path.parent.name for path in paths}),
    "bytes": sum(path.stat().st_size for path in paths), "problems": problems[:10],
}))
