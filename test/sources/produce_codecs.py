"""Produces records with one codec of librdkafka, and prints their number and the SHA-256 of all keys and values."""
import hashlib
import os
import sys

from confluent_kafka import Producer

broker, topic, codec = sys.argv[1:]
producer = Producer({
    "bootstrap.servers": broker,
    "compression.codec": codec,
    "linger.ms": 200,
    "message.max.bytes": 10_000_000,
    "batch.size": 5_000_000,
})
digest = hashlib.sha256()
values = [b"", b"short"] + [os.urandom(20_000) + b"repeat" * 10_000 for _ in range(40)]
for index, value in enumerate(values):
    key = str(index).encode()
    digest.update(key)
    digest.update(value)
    producer.produce(topic, key=key, value=value)
if producer.flush(60) != 0:
    sys.exit("not all records were delivered")
print(len(values), digest.hexdigest())
