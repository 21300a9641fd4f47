"""Independent judge of the provenance: compares every archived object with the topics, without code of this program.

Usage: provenance_judge.py BROKER SCHEMA ARCHIVE SERVER TOPIC...
ARCHIVE is file:///folder, gs://bucket or s3://bucket; SERVER is the URL of the bucket's storage server, or empty. Reads the topics with
librdkafka and their ids with its admin client. Decodes the gzip header of every alert of the archive with fastavro. Each object must
describe the first record with its content in that partition. Prints counts and problems as JSON.
"""
import gzip
import hashlib
import io
import json
import pathlib
import struct
import sys
import zlib

import confluent_kafka
import fastavro
from confluent_kafka.admin import AdminClient

sys.path.append(str(pathlib.Path(__file__).parents[1] / "support"))
from independent_archive import archived_objects, messages  # noqa: E402

broker, schema_path, archive, server, *topics = sys.argv[1:]
with open(schema_path) as file:
    plain = json.load(file)
schema = fastavro.parse_schema(plain)
fingerprint = bytes.fromhex(fastavro.schema.fingerprint(fastavro.schema.to_parsing_canonical_form(plain), "CRC-64-AVRO"))
timestamp_types = {confluent_kafka.TIMESTAMP_CREATE_TIME: "CreateTime", confluent_kafka.TIMESTAMP_LOG_APPEND_TIME: "LogAppendTime"}

# The requests end if the client is collected.
admin = AdminClient({"bootstrap.servers": broker})
described = admin.describe_topics(confluent_kafka.TopicCollection(topics))
ids = {}
for topic, future in described.items():
    uuid = future.result().topic_id
    ids[topic] = struct.pack(">qq", uuid.get_most_significant_bits(), uuid.get_least_significant_bits())

records = {(topic, message.partition(), message.offset()): message for topic in topics for message in messages(broker, topic)}

first = {}
for (topic, partition, offset), message in sorted(records.items(), reverse=True):
    first[topic, partition, message.value()] = offset


def provenance_of(data):
    """The provenance in a gzip header, after RFC 1952 and the single-object encoding."""
    magic, method, flags, mtime = struct.unpack("<HBBI", data[:8])
    assert (magic, method) == (0x8B1F, 8) and flags == 4, "flags %d" % flags
    (length,) = struct.unpack("<H", data[10:12])
    extra = data[12:12 + length]
    name, size = struct.unpack("<2sH", extra[:4])
    field = extra[4:4 + size]
    assert name == b"LA" and len(field) == length - 4, "fields"
    assert field[:2] == b"\xc3\x01" and field[2:10] == fingerprint, "fingerprint"
    assert zlib.crc32(field[:-4]) == struct.unpack("<I", field[-4:])[0], "checksum"
    stream = io.BytesIO(field[10:])
    decoded = fastavro.schemaless_reader(stream, schema)
    assert stream.read() == b"", "bytes after the datum"
    return decoded, mtime, len(data) - 2 - length


counts = {"objects": 0, "redriven": 0, "truncated": [], "types": {}}
problems = []
for object_key, modified, read in archived_objects(archive, server):
    if not object_key.endswith(".avro.gz"):
        continue
    counts["objects"] += 1
    data = read()
    try:
        found, mtime, gzip_bytes = provenance_of(data)
        frame = gzip.decompress(data)
        message = records[found["topic"], found["partition"], found["offset"]]
        assert message.value() == frame, "another value"
        kind, timestamp = message.timestamp()
        headers = [(name, value) for name, value in message.headers() or []]
        left_out = found["truncated"]
        expected = {
            "sha256": hashlib.sha256(frame).digest(), "frameBytes": len(frame), "gzipBytes": gzip_bytes,
            "topic": message.topic(), "topicId": ids[message.topic()], "partition": message.partition(), "offset": message.offset(),
            "leaderEpoch": message.leader_epoch(), "timestamp": timestamp, "timestampType": timestamp_types[kind],
            "key": None if "key" in left_out else message.key(),
            "headers": [] if "headers" in left_out else [{"name": name, "value": value} for name, value in headers],
        }
        for name, value in expected.items():
            assert found[name] == value, "%s is %r, not %r" % (name, found[name], value)
        assert mtime == timestamp // 1000, "time %d" % mtime
        assert abs(found["archivedAt"] - modified * 1000) < 60_000, "archived at %d" % found["archivedAt"]
        assert first[message.topic(), message.partition(), frame] == found["offset"], "not the first delivery"
        origin = found["redrivenFrom"]
        if origin is not None:
            counts["redriven"] += 1
            original = records[origin["topic"], origin["partition"], origin["offset"]]
            assert original.value() == frame and original.timestamp()[1] == origin["timestamp"], "wrong origin"
            assert original.key() == message.key(), "another key"
            given = original.headers() or []
            assert headers[:len(given)] == given, "other headers"
        elif any(name == "dead-letter-redriven" for name, _ in headers):
            raise AssertionError("redriven without origin")
        counts["truncated"] += [left_out] if left_out else []
        counts["types"][found["timestampType"]] = counts["types"].get(found["timestampType"], 0) + 1
    except Exception as error:
        problems.append("%s: %r" % (object_key, error))
print(json.dumps({**counts, "problems": problems}))
