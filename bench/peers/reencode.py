"""Decodes and encodes alerts with fastavro, and prints the measurement as one JSON object.

Usage: ``python bench/peers/reencode.py SCHEMA DATA``. DATA holds pairs of a length (4 bytes, big-endian) and a datum.
"""

import io
import json
import resource
import struct
import sys
import time
from pathlib import Path

import fastavro

schema = fastavro.parse_schema(json.loads(Path(sys.argv[1]).read_text()))
blob = Path(sys.argv[2]).read_bytes()
data = []
at = 0
while at < len(blob):
    (size,) = struct.unpack_from(">I", blob, at)
    data.append(blob[at + 4 : at + 4 + size])
    at += 4 + size
del blob

cpu, wall, written = time.process_time(), time.perf_counter(), 0
for datum in data:
    out = io.BytesIO()
    out.write(struct.pack(">bI", 0, 1))
    fastavro.schemaless_writer(out, schema, fastavro.schemaless_reader(io.BytesIO(datum), schema))
    written += out.tell()
result = {
    "alerts": len(data),
    "bytes": written,
    "cpuMs": (time.process_time() - cpu) * 1000,
    "seconds": time.perf_counter() - wall,
    "peakBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
}
print(json.dumps(result))
