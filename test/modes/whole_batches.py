"""Loads a static topic as another program would, and compares it with its copies. With librdkafka, and no code of this program.

Usage: whole_batches.py load BROKER TOPIC KIND...
       whole_batches.py compare BROKER SOURCE DESTINATION
`load` appends record batches of each kind in turn, and prints the number of committed records of each kind as JSON.
`compare` prints, as JSON, the number of records of each topic, the problems found, and the age of the destination's timestamps. Each record
must be in the destination as often as in the source (times the number of passes), in the partition of its key, with equal key, value and
headers, and records of a source partition must keep their order within a destination partition.
"""
import json
import sys
import time

import confluent_kafka

COUNT = 60
HOUR_MS = 3_600_000


def murmur2_partition(key, partitions):
    """Partition of a key by the default partitioner of the Java client."""
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    h = 0x9747B28C ^ len(key)
    whole = len(key) // 4 * 4
    for at in range(0, whole, 4):
        k = int.from_bytes(key[at:at + 4], "little") * m & mask
        k = (k ^ (k >> 24)) * m & mask
        h = (h * m & mask) ^ k
    if whole < len(key):
        h = (h ^ int.from_bytes(key[whole:], "little")) * m & mask
    h = (h ^ (h >> 13)) * m & mask
    return ((h ^ (h >> 15)) & 0x7FFFFFFF) % partitions


def partitions_of(client, topic):
    return len(client.list_topics(topic, timeout=60).topics[topic].partitions)


def produce(broker, topic, kind, number, total):
    settings = {"bootstrap.servers": broker, "linger.ms": 200, "acks": "all", "partitioner": "murmur2"}
    if kind in ("gzip", "lz4", "zstd", "snappy"):
        settings["compression.type"] = kind
    if kind in ("committed", "aborted"):
        settings["transactional.id"] = f"{topic}-{kind}-{number}"
    producer = confluent_kafka.Producer(settings)
    if "transactional.id" in settings:
        producer.init_transactions(60)
        producer.begin_transaction()
    for index in range(COUNT):
        key = f"{kind}-{number}-{index}".encode()
        more = {}
        if kind == "elsewhere":
            more["partition"] = (murmur2_partition(key, total) + 1) % total
        if kind == "apart":
            more["timestamp"] = 1_600_000_000_000 + index * HOUR_MS
        if kind == "old":
            more["timestamp"] = 1_600_000_000_000
        value = key + b": " + b"x" * (index * 37 % 500)
        headers = [("index", str(index).encode()), ("null", None), ("index", b"again")] if index % 3 == 0 else []
        producer.produce(topic, value=None if index % 20 == 19 else value, key=key, headers=headers, **more)
    if kind == "aborted":
        producer.flush(60)
        producer.abort_transaction(60)
        return 0
    if kind == "committed":
        producer.commit_transaction(60)
    if producer.flush(60) != 0:
        sys.exit("not all records were delivered")
    return COUNT


def read(broker, topic):
    """The committed records of each partition, in order."""
    consumer = confluent_kafka.Consumer({
        "bootstrap.servers": broker, "group.id": "judge", "enable.auto.commit": False, "auto.offset.reset": "earliest",
        "isolation.level": "read_committed", "enable.partition.eof": True, "check.crcs": True, "fetch.message.max.bytes": 16_777_216,
    })
    total = partitions_of(consumer, topic)
    consumer.assign([confluent_kafka.TopicPartition(topic, partition, 0) for partition in range(total)])
    records = [[] for _ in range(total)]
    ended = set()
    while len(ended) < total:
        message = consumer.poll(60)
        if message is None:
            sys.exit(f"no message of {topic} within 60 s")
        if message.error():
            if message.error().code() != confluent_kafka.KafkaError._PARTITION_EOF:
                sys.exit(str(message.error()))
            ended.add(message.partition())
            continue
        headers = tuple((name, value) for name, value in message.headers() or [])
        records[message.partition()].append(((message.key(), message.value(), headers), message.timestamp()))
    consumer.close()
    return records


def compare(broker, source, destination):
    before, after = read(broker, source), read(broker, destination)
    places = {}
    for partition, records in enumerate(before):
        for index, (content, _) in enumerate(records):
            if content in places:
                sys.exit("the records of the source are not distinct")
            places[content] = (partition, index)
    problems, passes = [], {}
    for partition, records in enumerate(after):
        last = {}
        for content, _ in records:
            if content not in places:
                problems.append(f"unknown record with key {content[0]}")
                continue
            origin, index = places[content]
            copy = passes[content] = passes.get(content, 0) + 1
            wanted = murmur2_partition(content[0], len(after))
            if wanted != partition:
                problems.append(f"{content[0]} is in partition {partition}, not in {wanted}")
            if last.get(origin, (0, -1)) >= (copy, index):
                problems.append(f"{content[0]} is out of order")
            last[origin] = (copy, index)
    copies = set(passes.get(content, 0) for content in places)
    now = time.time() * 1000
    times = [timestamp for records in after for _, timestamp in records]
    return {
        "source": sum(map(len, before)), "destination": sum(map(len, after)), "problems": problems[:20], "copies": sorted(copies),
        "types": sorted(set(kind for kind, _ in times)), "oldestSeconds": max((now - at) / 1000 for _, at in times),
    }


command, broker, topic, *rest = sys.argv[1:]
if command == "load":
    total = partitions_of(confluent_kafka.Producer({"bootstrap.servers": broker}), topic)
    print(json.dumps([produce(broker, topic, kind, number, total) for number, kind in enumerate(rest)]))
else:
    print(json.dumps(compare(broker, topic, rest[0])))
