"""Copies a topic to another one with librdkafka, as the survey's own simulator does: every record, again and again.

Usage: ``python bench/peers/copy_loop.py BROKER SOURCE DESTINATION``. Runs until SIGTERM.
"""

import sys

from confluent_kafka import Consumer, Producer, TopicPartition

broker, source, destination = sys.argv[1:]
consumer = Consumer(
    {
        "bootstrap.servers": broker,
        "group.id": destination,
        "enable.auto.commit": False,
        "fetch.message.max.bytes": 8388608,
    }
)
producer = Producer(
    {
        "bootstrap.servers": broker,
        "acks": "all",
        "linger.ms": 5,
        "batch.size": 2000000,
        "message.max.bytes": 4000000,
        "queue.buffering.max.kbytes": 262144,
    }
)
partitions = [TopicPartition(source, number, 0) for number in consumer.list_topics(source).topics[source].partitions]
count = sum(consumer.get_watermark_offsets(partition)[1] for partition in partitions)
while True:
    consumer.assign(partitions)
    left = count
    while left > 0:
        for message in consumer.consume(min(500, left), 1):
            while True:
                try:
                    producer.produce(destination, message.value(), message.key(), headers=message.headers())
                    break
                except BufferError:
                    producer.poll(0.1)
            left -= 1
        producer.poll(0)
    producer.flush()
