"""Reference for bench/search.ts: the same questions on the same files with DuckDB in Python, 2 threads, 128 MiB of memory.

Usage: ``python bench/search_duckdb.py REPEATS FILES``, where FILES is JSON: the paths for objects and visits, and those for positions.
Prints a result as JSON.
"""

import json
import resource
import statistics
import sys
import time

import duckdb

repeats, (by_object, by_position) = int(sys.argv[1]), json.loads(sys.argv[2])
connection = duckdb.connect(config={"threads": 2, "memory_limit": "128MiB"})
connection.execute("SET parquet_metadata_cache = true")
distance = """degrees(2 * asin(sqrt(pow(sin(radians(dec + 28) / 2), 2)
    + cos(radians(dec)) * cos(radians(-28)) * pow(sin(radians(ra - 54) / 2), 2))))"""
questions = {
    "visit": "SELECT id FROM read_parquet($1) WHERE visit = 2026030100005 ORDER BY id",
    "object": "SELECT * FROM read_parquet($1) WHERE diaObjectId = 8000005 ORDER BY id",
    "cone": f"""SELECT * FROM read_parquet($1) WHERE dec BETWEEN -28.0166667 AND -27.9833333 AND ra BETWEEN 53.98 AND 54.02
        AND {distance} <= 1 / 60 ORDER BY id""",
    "count": "SELECT count(DISTINCT id) FROM read_parquet($1) WHERE night = 20260301",
}


def ask(question):
    return connection.execute(questions[question], [by_position if question == "cone" else by_object]).fetchall()


for question in questions:
    ask(question)
    ask(question)
start, cpu = time.perf_counter(), time.process_time()
extra = {}
for question in questions:
    times = []
    before = time.process_time()
    for _ in range(repeats):
        begin = time.perf_counter()
        ask(question)
        times.append((time.perf_counter() - begin) * 1000)
    extra[f"{question} ms"] = round(statistics.median(times), 1)
    extra[f"{question} CPU-ms"] = round((time.process_time() - before) / repeats * 1000, 1)
print(json.dumps({
    "alerts": repeats * len(questions),
    "bytes": 0,
    "seconds": time.perf_counter() - start,
    "cpuMs": (time.process_time() - cpu) * 1000,
    "peakBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    "extra": extra,
}))
