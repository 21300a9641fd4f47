# A client of alert_database_server, independent of this project: fetch the body, decompress it, decode it with the archived schema.
# Prints one JSON line per alert id.
import gzip
import hashlib
import io
import json
import struct
import sys

import fastavro
import requests

base, *ids = sys.argv[1:]
session = requests.Session()
schemas = {}


def schema_of(schema_id):
    if schema_id not in schemas:
        response = session.get(f"{base}/v1/schemas/{schema_id}", timeout=30)
        response.raise_for_status()
        schemas[schema_id] = fastavro.parse_schema(json.loads(response.content))
    return schemas[schema_id]


for an_id in ids:
    response = session.get(f"{base}/v1/alerts/{an_id}", timeout=30)
    if response.status_code != 200:
        print(json.dumps({"id": an_id, "status": response.status_code, **response.json()}))
        continue
    frame = gzip.decompress(response.content)
    magic, schema_id = struct.unpack(">bI", frame[:5])
    body = io.BytesIO(frame[5:])
    alert = fastavro.schemaless_reader(body, schema_of(schema_id))
    print(json.dumps({
        "id": an_id,
        "status": 200,
        "type": response.headers["content-type"],
        "stored": hashlib.sha256(response.content).hexdigest(),
        "frame": hashlib.sha256(frame).hexdigest(),
        "magic": magic,
        "schema": schema_id,
        "diaSourceId": str(alert["diaSourceId"]),
        "cutout": alert["cutoutDifference"][:6].decode(),
        "rest": len(body.read()),
    }))
