"""Writes and reads archives by the key rules of Rubin's alert database programs, independently of the program under test.

The rules are those of lsst-dm/alert_database_ingester and lsst-dm/alert_database_server at three times:
2021 (Google Cloud), 2025 (S3, until November uncompressed) and 2026 (S3, today).

stdin: {"command": "read" or "write", "kind": "file" | "gs" | "s3", "store": "/folder" or "http://host/bucket",
        "rule": "2021" | "2025" | "2026", "gzip": bool (write only), "schema": {"id": int, "text": str} (write only),
        "alerts": {id: frame as hex (write) or null (read)}}
stdout (read): {id: {"frame": hex, "id": the id in the body, "visit": the visit in the body}}; a missing alert is null.
"""
import gzip
import io
import json
import os
import struct
import sys
import urllib.error
import urllib.parse
import urllib.request

import fastavro

RULES = {
    "2021": ("/alert_archive/v1/alerts/{id}", "/alert_archive/v1/schemas/{id}.json"),
    "2025": ("v1/alerts/{id}", "v1/schemas/{id}.json"),
    "2026": ("v2/alerts/{first}/{id}", "v2/schemas/{id}.json"),
}


class Folder:
    def __init__(self, root):
        self.root = root

    def get(self, key):
        try:
            with open(self.root + "/" + key.lstrip("/"), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def put(self, key, body):
        path = self.root + "/" + key.lstrip("/")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(body)


# The test servers verify no signature, but the S3 server rejects requests without one.
SIGNATURE = "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"


def download(url):
    try:
        return urllib.request.urlopen(urllib.request.Request(url, headers={"Authorization": SIGNATURE})).read()
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise


def upload(url, body, method):
    headers = {"Authorization": SIGNATURE, "Content-Type": "application/octet-stream"}
    urllib.request.urlopen(urllib.request.Request(url, body, headers, method=method)).read()


class GoogleBucket:
    def __init__(self, url):
        self.host, self.bucket = url.rsplit("/", 1)

    def get(self, key):
        return download("%s/storage/v1/b/%s/o/%s?alt=media" % (self.host, self.bucket, urllib.parse.quote(key, safe="")))

    def put(self, key, body):
        name = urllib.parse.quote(key, safe="")
        upload("%s/upload/storage/v1/b/%s/o?uploadType=media&name=%s" % (self.host, self.bucket, name), body, "POST")


class S3Bucket:
    def __init__(self, url):
        self.url = url

    def get(self, key):
        return download(self.url + "/" + urllib.parse.quote(key))

    def put(self, key, body):
        upload(self.url + "/" + urllib.parse.quote(key), body, "PUT")


def read(store, rule, ids):
    alert_rule, schema_rule = RULES[rule]
    schemas = {}
    found = {}
    for alert_id in ids:
        name = alert_rule.format(id=alert_id, first=alert_id[:6])
        body = store.get(name + ".avro.gz")
        if body is not None:
            frame = gzip.decompress(body)
        else:
            frame = None if rule == "2021" else store.get(name + ".avro")
        if frame is None:
            found[alert_id] = None
            continue
        magic, schema_id = struct.unpack(">BI", frame[:5])
        assert magic == 0
        if schema_id not in schemas:
            schemas[schema_id] = fastavro.parse_schema(json.loads(store.get(schema_rule.format(id=schema_id))))
        alert = fastavro.schemaless_reader(io.BytesIO(frame[5:]), schemas[schema_id])
        found[alert_id] = {"frame": frame.hex(), "id": str(alert["diaSourceId"]), "visit": str(alert["diaSource"]["visit"])}
    return found


def write(store, rule, alerts, schema, compressed):
    alert_rule, schema_rule = RULES[rule]
    store.put(schema_rule.format(id=schema["id"]), schema["text"].encode())
    for alert_id, frame in alerts.items():
        name = alert_rule.format(id=alert_id, first=alert_id[:6])
        body = bytes.fromhex(frame)
        if compressed:
            store.put(name + ".avro.gz", gzip.compress(body))
        else:
            store.put(name + ".avro", body)


given = json.load(sys.stdin)
place = {"file": Folder, "gs": GoogleBucket, "s3": S3Bucket}[given["kind"]](given["store"])
if given["command"] == "write":
    write(place, given["rule"], given["alerts"], given["schema"], given["gzip"])
else:
    print(json.dumps(read(place, given["rule"], list(given["alerts"]))))
