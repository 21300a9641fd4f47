"""Compares a replayed topic with the topics that were archived, with librdkafka only.

Reads {"brokers", "originals": [topic], "replayed": topic, "from", "to"} as JSON. Every record of the original topics, as far as its
timestamp is in ["from", "to"), must be in the replayed topic with the same value, key, headers and timestamp, in the partition that
librdkafka chooses with Java's partitioner (without a key: in the one with its original number), and each partition must be in the order of timestamp, topic, partition and offset. Records that
are there again are counted, and must repeat records of the same partition.
"""
import json
import pathlib
import sys

import confluent_kafka
import confluent_kafka.admin

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "support"))
from independent_archive import messages  # noqa: E402

given = json.load(sys.stdin)
problems = []


def content(message):
    headers = tuple((name, value) for name, value in message.headers() or [])
    kind, timestamp = message.timestamp()
    if kind != confluent_kafka.TIMESTAMP_CREATE_TIME:
        problems.append("timestamp type %d" % kind)
    return message.value(), message.key(), headers, timestamp


def java_partitions(keys, count):
    """The partition of each key in a topic with `count` partitions, as Java's client chooses it."""
    producer = confluent_kafka.Producer({"bootstrap.servers": given["brokers"], "partitioner": "murmur2"})
    topic = given["replayed"] + "-partitions"
    admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": given["brokers"]})
    admin.create_topics([confluent_kafka.admin.NewTopic(topic, count, 1)])[topic].result()
    found = {}

    def delivered(error, message):
        if error is not None:
            problems.append(str(error))
        found[message.key()] = message.partition()

    for key in keys:
        producer.produce(topic, b"", key, on_delivery=delivered)
        producer.poll(0)
    producer.flush(60)
    admin.delete_topics([topic])[topic].result()
    return found


originals = {}
for topic in given["originals"]:
    for message in messages(given["brokers"], topic):
        record = content(message)
        if given.get("from", 0) <= record[3] < given.get("to", 1 << 62):
            originals.setdefault(record, (record[3], topic, message.partition(), message.offset()))

metadata = confluent_kafka.admin.AdminClient({"bootstrap.servers": given["brokers"]}).list_topics(given["replayed"], timeout=60)
count = len(metadata.topics[given["replayed"]].partitions)
partition_of = java_partitions({record[1] for record in originals if record[1] is not None}, count)

seen = set()
last = {}
replayed = repeated = 0
for message in messages(given["brokers"], given["replayed"]):
    replayed += 1
    record = content(message)
    position = originals.get(record)
    where = "replayed[%d]@%d" % (message.partition(), message.offset())
    if position is None:
        problems.append("%s is no original record" % where)
        continue
    expected = position[2] % count if record[1] is None else partition_of[record[1]]
    if expected != message.partition():
        problems.append("%s belongs to partition %d" % (where, expected))
    if record in seen:
        repeated += 1
        continue
    seen.add(record)
    if last.get(message.partition(), (0,)) > position:
        problems.append("%s is not in order: %r after %r" % (where, position, last[message.partition()]))
    last[message.partition()] = position

print(json.dumps({
    "original": len(originals), "replayed": replayed, "repeated": repeated, "missing": len(originals) - len(seen), "problems": problems[:20],
}))
