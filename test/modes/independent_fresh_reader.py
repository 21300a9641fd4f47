"""Independent check of --fresh-ids and --fresh-times: librdkafka and fastavro, without code of this program.

Usage: independent_fresh_reader.py BROKER STATIC SIMULATED REGISTRY
Reads both topics, decodes every message, finds the original alert of each simulated one (its index is part of the id) and compares the two
field by field. Prints counts and problems as JSON.
"""
import collections
import datetime
import io
import json
import math
import struct
import sys
import urllib.request

import confluent_kafka
import fastavro

broker, static, simulated, registry = sys.argv[1:]
schemas = {}
problems = []


def messages(topic):
    """Return all messages of the topic, partition after partition."""
    consumer = confluent_kafka.Consumer({"bootstrap.servers": broker, "group.id": "independent-reader", "enable.auto.commit": False})
    found = []
    for number in sorted(consumer.list_topics(topic, timeout=60).topics[topic].partitions):
        partition = confluent_kafka.TopicPartition(topic, number)
        low, high = consumer.get_watermark_offsets(partition, timeout=60)
        consumer.assign([confluent_kafka.TopicPartition(topic, number, low)])
        for _ in range(high - low):
            message = consumer.poll(60)
            if message is None or message.error():
                raise SystemExit(f"{topic} {number}: {message and message.error()}")
            found.append(message)
    consumer.close()
    return found


def decoded(message):
    value = message.value()
    magic, number = struct.unpack(">bI", value[:5])
    if number not in schemas:
        with urllib.request.urlopen(f"{registry}/schemas/ids/{number}") as response:
            schemas[number] = fastavro.parse_schema(json.loads(json.load(response)["schema"]))
    stream = io.BytesIO(value[5:])
    record = fastavro.schemaless_reader(stream, schemas[number], None)
    if magic != 0 or stream.read(1) != b"":
        problems.append("a message is not a framed datum")
    again = io.BytesIO()
    fastavro.schemaless_writer(again, schemas[number], record)
    if again.getvalue() != value[5:]:
        problems.append("fastavro encodes the record of a message to different bytes")
    return number, record


def leaves(value, path=()):
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, path + (name,))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, path + (index,))
    else:
        yield path, value


def same(one, other):
    return type(one) is type(other) and (one == other or (isinstance(one, float) and math.isnan(one) and math.isnan(other)))


def packed(name):
    """Split an id into tag, day, sequence number, detector and counter (7, 14, 15, 8 and 19 bits)."""
    bits = f"{name:063b}"
    return [int(bits[begin:end], 2) for begin, end in ((0, 7), (7, 21), (21, 36), (36, 44), (44, 63))]


TIMES = {"midpointMjdTai", "timeProcessedMjdTai", "timeWithdrawnMjdTai", "radecMjdTai", "validityStartMjdTai", "firstDiaSourceMjdTai", "lastDiaSourceMjdTai",
         "firstObservationMjdTai", "firstObservationDate", "discoverySubmissionDate"}
IDS = {("alertId",), ("diaSourceId",), ("diaSource", "diaSourceId"), ("ssSource", "diaSourceId")}
VISIT = {("diaSource", "visit"), ("diaSource", "parentDiaSourceId")}

originals = [(decoded(message), dict(message.headers())) for message in messages(static)]
passes = collections.defaultdict(list)
ids = []
moved = 0
for message in messages(simulated):
    number, alert = decoded(message)
    name = alert.get("diaSourceId", alert.get("alertId"))
    ids.append(name)
    tag, day, sequence, detector, index = packed(name)
    # Each visit takes 3 s of a night that begins at noon UTC. The days of the ids are counted from 2010-01-01.
    second = (day + 14610) * 86400 + 43200 + 3 * sequence
    night = datetime.date(2010, 1, 1) + datetime.timedelta(days=day)
    source = alert["diaSource"]
    visit = int(f"{night:%Y%m%d}{sequence:05d}")
    if tag != 2 or source["visit"] != visit or source.get("detector", detector) != detector:
        problems.append(f"{name}: tag {tag}, visit {source['visit']}, detector {source.get('detector')}")
    (old_number, old), old_headers = originals[index % len(originals)]
    headers = dict(message.headers())
    old_headers = {key: value for key, value in old_headers.items() if key != "alertsim-complete"}
    if message.key() != str(name).encode():
        problems.append(f"{name}: key {message.key()}")
    if number != old_number or headers != old_headers:
        problems.append(f"{name}: schema {number}, headers {headers}")
    before, after = list(leaves(old)), list(leaves(alert))
    if [path for path, _ in before] != [path for path, _ in after]:
        problems.append(f"{name}: fields were added or removed")
        continue
    shift = alert["diaSource"]["midpointMjdTai"] - old["diaSource"]["midpointMjdTai"]
    for (path, was), (_, value) in zip(before, after):
        where = f"{name} {'.'.join(map(str, path))}: {was} -> {value}"
        if path in IDS:
            if value != name or was == name:
                problems.append(where)
        elif path in VISIT:
            if (was is None) != (value is None) or (was is not None and value == was):
                problems.append(where)
        elif path[-1] in TIMES and was is not None and not math.isnan(was):
            moved += 1
            if abs(value - was - shift) > 1e-9:
                problems.append(where)
        elif not same(was, value):
            problems.append(where)
    passes[second].append(alert)

for second, alerts in passes.items():
    # TAI is 37 s ahead of UTC. The MJD of 1970-01-01 is 40587.
    begin = 40587 + (second + 37) / 86400
    first = min(alert["diaSource"]["midpointMjdTai"] for alert in alerts)
    if abs(first - begin) > 1e-9:
        problems.append(f"pass of {second}: the earliest mid-point is MJD {first}, not {begin}")
    if len({alert["diaSource"]["visit"] for alert in alerts}) != 1:
        problems.append(f"pass of {second}: the alerts belong to several visits")
visits = {alert["diaSource"]["visit"] for alerts in passes.values() for alert in alerts}
known = {source["diaSourceId"] for alerts in passes.values() for alert in alerts for source in alert["prvDiaSources"] or []}
known |= {old["diaSource"]["diaSourceId"] for (_, old), _ in originals}
print(json.dumps({
    "alerts": [len(passes[second]) for second in sorted(passes)], "ids": len(set(ids)), "visits": len(visits), "taken": len(set(ids) & known),
    "valid": all(0 < name < 2**63 for name in ids), "moved": moved > 2 * len(ids), "seconds": sorted(passes), "problems": problems[:20],
}))
