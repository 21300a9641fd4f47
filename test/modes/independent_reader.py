"""Independent consumer: reads a topic with librdkafka and fastavro, without code of this program.

Usage: independent_reader.py BROKER TOPIC REGISTRY FILE
Consumes every message of the topic, fetches the schema of each frame from the registry, decodes the datum, compares the record with the one
of the same id in the Avro file, and encodes it again. Prints counts and problems as JSON.
"""
import io
import json
import math
import struct
import sys
import urllib.request

import confluent_kafka
import fastavro

broker, topic, registry, path = sys.argv[1:]


def identifier(record):
    return record.get("diaSourceId", record.get("alertId"))


def same(one, other):
    """Compare by value. NaN equals NaN, and an int does not equal a float."""
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


with open(path, "rb") as file:
    expected = {identifier(record): record for record in fastavro.reader(file)}

consumer = confluent_kafka.Consumer({
    "bootstrap.servers": broker, "group.id": "independent-reader", "enable.auto.commit": False, "auto.offset.reset": "earliest",
    "fetch.message.max.bytes": 32 * 1024 * 1024,
})
partitions = consumer.list_topics(topic, timeout=60).topics[topic].partitions
assigned, left = [], 0
for partition in partitions:
    low, high = consumer.get_watermark_offsets(confluent_kafka.TopicPartition(topic, partition), timeout=60)
    assigned.append(confluent_kafka.TopicPartition(topic, partition, low))
    left += high - low
consumer.assign(assigned)

schemas = {}
seen = []
problems = []
reencoded = equal = 0
while left > 0:
    message = consumer.poll(60)
    if message is None:
        problems.append(f"{left} messages were not received within 60 s")
        break
    if message.error():
        problems.append(str(message.error()))
        break
    left -= 1
    value = message.value()
    magic, number = struct.unpack(">bI", value[:5])
    if number not in schemas:
        with urllib.request.urlopen(f"{registry}/schemas/ids/{number}") as response:
            schemas[number] = fastavro.parse_schema(json.loads(json.load(response)["schema"]))
    stream = io.BytesIO(value[5:])
    record = fastavro.schemaless_reader(stream, schemas[number], None)
    name = identifier(record)
    seen.append(name)
    if magic != 0:
        problems.append(f"{name}: the magic byte is {magic}, not 0")
    if stream.read(1) != b"":
        problems.append(f"{name}: the value has bytes after the datum")
    if message.key() != str(name).encode():
        problems.append(f"{name}: the key is {message.key()}")
    if same(record, expected.get(name)):
        equal += 1
    else:
        problems.append(f"{name}: the alert differs from the record in the file")
    again = io.BytesIO()
    fastavro.schemaless_writer(again, schemas[number], record)
    if again.getvalue() == value[5:]:
        reencoded += 1
    else:
        problems.append(f"{name}: fastavro encodes the alert to different bytes")
consumer.close()
print(json.dumps({
    "messages": len(seen), "alerts": len(set(seen)), "equal": equal, "reencoded": reencoded, "schemas": sorted(schemas),
    "missing": len(set(expected) - set(seen)), "problems": problems[:20],
}))
