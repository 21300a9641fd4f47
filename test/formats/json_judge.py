"""Judges JSON alerts independently, with fastavro and Python's json.

Usage: json_judge.py generate COUNT < [schema text, ...]      prints [[datum in base64, ...], ...]
       json_judge.py check < [{"schema", "datum", "plain", "scalars", "numbers", "lossless"}, ...]      prints [fault, ...]
"""
import base64
import io
import json
import math
import random
import struct
import sys

import fastavro
from fastavro.utils import generate_many

SPECIAL = (math.nan, math.inf, -math.inf, -0.0, 5e-324, 1.7976931348623157e308, 123456789012345680000.0)


def parsed(text):
    """The schema without logical types, which fastavro would read as dates."""
    def bare(node):
        node.pop("logicalType", None)
        return node
    return fastavro.parse_schema(json.loads(text, object_hook=bare))


def encode(schema, record):
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, record)
    return out.getvalue()


def mutate(value):
    """Puts special numbers, texts and nulls in the places where random data have none."""
    if isinstance(value, dict):
        return {name: mutate(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [mutate(inner) for inner in value]
    if isinstance(value, float):
        if random.random() < 0.5:
            return random.choice(SPECIAL[:5])
        return struct.unpack("<f", struct.pack("<f", value))[0]
    if isinstance(value, str) and len(value) > 1:  # Not the symbols of enums, which have one letter.
        return random.choice((value, 'a "quoted" \\ text\n\x00', "µ\U0001f52d\u2028", "{"))
    return value


def generate(texts, count):
    random.seed(16)
    result = []
    for text in texts:
        schema = parsed(text)
        result.append([base64.b64encode(encode(schema, mutate(record))).decode() for record in generate_many(schema, count)])
    return result


def revived(value):
    """Java writes NaN and infinite numbers as texts. fastavro reads them as the bare words of Python."""
    if isinstance(value, dict):
        if len(value) == 1 and isinstance(next(iter(value.values())), str) and next(iter(value)) in ("float", "double"):
            return {name: float(inner) for name, inner in value.items()}
        return {name: revived(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [revived(inner) for inner in value]
    return float(value) if value in ("NaN", "Infinity", "-Infinity") else value


def strict(text):
    def refuse(word):
        raise ValueError(f"{word} is not JSON")
    return json.loads(text, parse_constant=refuse)


def plain(value, omit):
    """The friendly form as its documentation says."""
    if isinstance(value, dict):
        pairs = ((name, inner) for name, inner in value.items() if not (omit and isinstance(inner, bytes)))
        return {name: plain(inner, omit) for name, inner in pairs}
    if isinstance(value, list):
        return [None if omit and isinstance(inner, bytes) else plain(inner, omit) for inner in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def same(found, expected):
    """Longs are decimal texts, which Python's integers do not tell from ints."""
    if isinstance(expected, dict):
        return isinstance(found, dict) and list(found) == list(expected) and all(same(found[name], expected[name]) for name in expected)
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(same, found, expected))
    if isinstance(expected, int) and not isinstance(expected, bool) and isinstance(found, str):
        return found == str(expected)
    return type(found) in (type(expected), int) and found == expected


def check(cases):
    faults = []
    for number, case in enumerate(cases):
        schema = parsed(case["schema"])
        datum = base64.b64decode(case["datum"])
        record = fastavro.schemaless_reader(io.BytesIO(datum), schema)
        for style, omit in (("plain", False), ("scalars", True)):
            if not same(strict(case[style]), plain(record, omit)):
                faults.append(f"{number}: {style} differs from the record")
        # Floats and integers compare by value: 1.0 may be written as 1.
        if strict(case["numbers"]) != plain(record, False):
            faults.append(f"{number}: numbers differs from the record")
        lossless = json.dumps(revived(strict(case["lossless"])))
        again = encode(schema, next(iter(fastavro.json_reader(io.StringIO(lossless), schema))))
        if again != datum:
            faults.append(f"{number}: lossless is encoded to other bytes")
    return faults


given = json.load(sys.stdin)
print(json.dumps(generate(given, int(sys.argv[2])) if sys.argv[1] == "generate" else check(given)))
