"""The algorithm of the survey's own ingester: read, gzip at level 9 and upload one alert at a time, with the libraries that it uses.

Usage: ``python bench/peers/original_ingester.py BROKER REGISTRY TOPIC BUCKET``. BUCKET is also the consumer group. Runs until SIGTERM.
"""

import asyncio
import gzip
import io
import json
import struct
import sys

import avroc
import requests
from aiokafka import AIOKafkaConsumer
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

COMMIT_INTERVAL = 100


def id_decoder(registry: str, schema_id: int):
    """Compile a decoder that reads the first field of an alert, its id, and skips the rest."""
    response = requests.get(f"{registry}/schemas/ids/{schema_id}", timeout=5)
    response.raise_for_status()
    writer = json.loads(response.json()["schema"])
    return avroc.compile_decoder(writer, {**writer, "fields": writer["fields"][:1]}), writer["fields"][0]["name"]


async def main(broker: str, registry: str, topic: str, bucket_name: str) -> None:
    bucket = storage.Client(project="any", credentials=AnonymousCredentials()).bucket(bucket_name)
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=broker,
        group_id=bucket_name,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_partition_fetch_bytes=16 * 1024 * 1024,
        # The uploads block the event loop, so that no heartbeat is sent.
        session_timeout_ms=120_000,
    )
    await consumer.start()
    decoders = {}
    count = 0
    async for message in consumer:
        magic, schema_id = struct.unpack(">bI", message.value[:5])
        if magic != 0:
            raise ValueError("not a frame")
        if schema_id not in decoders:
            decoders[schema_id] = id_decoder(registry, schema_id)
        decode, name = decoders[schema_id]
        alert_id = decode(io.BytesIO(message.value[5:]))[name]
        blob = bucket.blob(f"v2/alerts/{str(alert_id)[:6]}/{alert_id}.avro.gz")
        blob.upload_from_string(gzip.compress(message.value), content_type="application/gzip")
        count += 1
        if count % COMMIT_INTERVAL == 0:
            await consumer.commit()


asyncio.run(main(*sys.argv[1:]))
