"""Reads topics and archives without code of this program: topics with librdkafka, folders with Python, buckets over REST.

An archive is file:///folder, gs://bucket or s3://bucket. `server` is the URL of the storage server of a bucket.
"""
import datetime
import json
import pathlib
import urllib.parse
import urllib.request
import xml.etree.ElementTree

import confluent_kafka

# The test servers verify no signature, but the S3 server rejects requests without one.
SIGNATURE = "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"


def consumer_of(brokers, group):
    return confluent_kafka.Consumer({
        "bootstrap.servers": brokers, "group.id": group, "enable.auto.commit": False, "auto.offset.reset": "earliest",
        "enable.partition.eof": True, "fetch.message.max.bytes": 32 * 1024 * 1024,
    })


def messages(brokers, topic):
    """Every message of the topic, from the start of each partition's log to its end."""
    consumer = consumer_of(brokers, "judge")
    partitions = consumer.list_topics(topic, timeout=60).topics[topic].partitions
    start = confluent_kafka.OFFSET_BEGINNING
    consumer.assign([confluent_kafka.TopicPartition(topic, partition, start) for partition in partitions])
    left = set(partitions)
    while left:
        message = consumer.poll(60)
        if message is None:
            raise RuntimeError(f"{topic}: no message within 60 s")
        if message.error() is None:
            yield message
        elif message.error().code() == confluent_kafka.KafkaError._PARTITION_EOF:
            left.discard(message.partition())
        elif not message.error().retriable():
            raise confluent_kafka.KafkaException(message.error())
    consumer.close()


def archived_objects(store, server=None, prefix=""):
    """For each object: key, time of the last change in whole seconds since 1970, and a function that reads the body."""
    url = urllib.parse.urlparse(store)
    if url.scheme == "file":
        return _files(pathlib.Path(urllib.parse.unquote(url.path)), prefix)
    return {"gs": _gcs_objects, "s3": _s3_objects}[url.scheme](server, url.netloc, prefix)


def _files(root, prefix):
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        key = str(path.relative_to(root))
        if key.startswith(prefix):
            yield key, int(path.stat().st_mtime), path.read_bytes


def _download(url):
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Authorization": SIGNATURE})) as response:
        return response.read()


def _seconds(text):
    return int(datetime.datetime.fromisoformat(text[:19] + "+00:00").timestamp())


def _gcs_objects(server, bucket, prefix):
    base = f"{server}/storage/v1/b/{bucket}/o"
    token = ""
    while True:
        page = json.loads(_download(f"{base}?prefix={urllib.parse.quote(prefix)}&pageToken={urllib.parse.quote(token)}"))
        for item in page.get("items", []):
            media = f"{base}/{urllib.parse.quote(item['name'], safe='')}?alt=media"
            yield item["name"], _seconds(item["updated"]), lambda media=media: _download(media)
        token = page.get("nextPageToken", "")
        if not token:
            return


def _s3_objects(server, bucket, prefix):
    base = f"{server}/{bucket}"
    after = ""
    while True:
        query = f"list-type=2&prefix={urllib.parse.quote(prefix)}&start-after={urllib.parse.quote(after)}"
        page = xml.etree.ElementTree.fromstring(_download(f"{base}?{query}"))
        for item in page.iterfind("{*}Contents"):
            after = item.findtext("{*}Key")
            body = f"{base}/{urllib.parse.quote(after)}"
            yield after, _seconds(item.findtext("{*}LastModified")), lambda body=body: _download(body)
        if page.findtext("{*}IsTruncated") != "true":
            return
