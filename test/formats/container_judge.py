"""Judges container files with fastavro. Cases on stdin: [{"path", "schema", "datum" (base64)}]. Prints a list of faults."""
import base64
import io
import json
import sys

import fastavro

faults = []
for number, case in enumerate(json.load(sys.stdin)):
    with open(case["path"], "rb") as file:
        reader = fastavro.reader(file)
        records = list(reader)
    if len(records) != 1:
        faults.append(f"{number}: {len(records)} records")
        continue
    if json.loads(reader.metadata["avro.schema"]) != json.loads(case["schema"]):
        faults.append(f"{number}: the schema lost something")
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(json.loads(case["schema"])), records[0])
    if out.getvalue() != base64.b64decode(case["datum"]):
        faults.append(f"{number}: other bytes")
print(json.dumps(faults))
