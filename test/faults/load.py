"""Independent producer: sends alerts with librdkafka and fastavro, acks=all. Shares no code with the program.

Usage: load.py BROKERS TOPIC REGISTRY SCHEMA_ID FIRST_ID RATE JOURNAL
Each line of stdin is a number of alerts to send, at most RATE per second, with ids that begin at FIRST_ID. At the end of stdin, sends the
rest and waits until every alert is acknowledged, without limit. Prints `sent N acknowledged M` lines. JOURNAL gets one line per alert:
`sent ID SHA256`, and later `acknowledged ID SHA256 PARTITION OFFSET`.
"""
import hashlib
import io
import json
import struct
import sys
import threading
import time
import urllib.request

import confluent_kafka
import fastavro

brokers, topic, registry, schema_id, first, rate, journal_path = sys.argv[1:]
with urllib.request.urlopen(f"{registry}/schemas/ids/{schema_id}") as response:
    schema = fastavro.parse_schema(json.loads(json.load(response)["schema"]))

producer = confluent_kafka.Producer({
    "bootstrap.servers": brokers, "acks": "all", "message.timeout.ms": 0, "linger.ms": 5,
    # Brokers of the test come and go within seconds.
    "reconnect.backoff.max.ms": 500, "topic.metadata.refresh.interval.ms": 5000,
})
journal = open(journal_path, "w", encoding="ascii")
sent = acknowledged = 0


def frame(number):
    stream = io.BytesIO()
    alert = {"diaSourceId": number, "note": "independent", "cutout": b"%d " % number * 100}
    fastavro.schemaless_writer(stream, schema, alert)
    return struct.pack(">bI", 0, int(schema_id)) + stream.getvalue()


def delivered(error, message):
    global acknowledged
    if error is not None:
        raise RuntimeError(f"{message.key()}: {error}")
    acknowledged += 1
    digest = hashlib.sha256(message.value()).hexdigest()
    journal.write(f"acknowledged {message.key().decode()} {digest} {message.partition()} {message.offset()}\n")


def report():
    journal.flush()
    print(f"sent {sent} acknowledged {acknowledged}", flush=True)


requested = 0
finished = threading.Event()


def read_requests():
    global requested
    for line in sys.stdin:
        requested += int(line)
    finished.set()


threading.Thread(target=read_requests, daemon=True).start()
reported = None
while not (finished.is_set() and sent == requested):
    if sent < requested:
        number = int(first) + sent
        value = frame(number)
        journal.write(f"sent {number} {hashlib.sha256(value).hexdigest()}\n")
        producer.produce(topic, value, str(number), on_delivery=delivered)
        sent += 1
    producer.poll(1 / float(rate))
    if reported != (sent, acknowledged):
        reported = (sent, acknowledged)
        report()
while producer.flush(1) > 0:
    report()
report()
