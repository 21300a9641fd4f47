"""Independent judge of an archive: compares topics with the archive, byte for byte. Shares no code with the program.

Usage: judge.py < CONFIG
CONFIG is JSON: brokers, group, topics, deadLetters (topic), store (file:///folder, gs://bucket or s3://bucket), server (URL of the storage
server, for buckets), journals (files with lines as load.py writes them). Reads every topic with librdkafka from the log start to the end,
every archived alert with gzip, and the dead letters. Prints JSON: counts, and lists with the first problems of each kind. All lists are empty if the archive is right:

missing           below the committed offset, but neither archived nor in the dead letters
different         below the committed offset, archived with other bytes under its id, and not in the dead letters
ahead             the committed offset is past the end of the log
damaged           the object cannot be read, or its key is not the key of its alert
unexpected        the object is not a record of the topics, and no producer has sent it
wrongDeadLetters  the dead letter does not name a record of the topics, or holds another value
lost              acknowledged by the brokers, but not in the topic
"""
import gzip
import hashlib
import json
import pathlib
import sys

from confluent_kafka import TopicPartition

sys.path.append(str(pathlib.Path(__file__).parents[1] / "support"))
from independent_archive import archived_objects, consumer_of, messages  # noqa: E402

config = json.load(sys.stdin)
problems = {name: [] for name in ("missing", "different", "ahead", "damaged", "unexpected", "wrongDeadLetters", "lost")}


def digest(data):
    return hashlib.sha256(data).hexdigest()


def identifier(frame):
    """The first field of the datum, a zigzag varint. None if the frame is not an alert."""
    value = shift = 0
    if frame is None or len(frame) < 6 or frame[0] != 0:
        return None
    for byte in frame[5:15]:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1)
    return None


def key_of(number):
    """The key in layout v2."""
    text = str(number)
    return f"v2/alerts/{text[:6]}/{text}.avro.gz"


def archived():
    for key, _, read in archived_objects(config["store"], config.get("server"), "v2/alerts/"):
        yield key, read()


def offsets_of(topic):
    """Committed offset (0 if there is none) and end of the log, by partition."""
    consumer = consumer_of(config["brokers"], config["group"])
    partitions = consumer.list_topics(topic, timeout=60).topics[topic].partitions
    committed = consumer.committed([TopicPartition(topic, partition) for partition in partitions], timeout=60)
    ends = {partition: consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=60)[1] for partition in partitions}
    consumer.close()
    return {each.partition: (max(each.offset, 0), ends[each.partition]) for each in committed}


def journal_lines():
    for path in config["journals"]:
        # The last line may be incomplete, because the producer is still writing.
        for line in pathlib.Path(path).read_text(encoding="ascii").splitlines(keepends=True):
            if line.endswith("\n"):
                yield line.split()


# The program may be running. Acknowledgements and commits are read before the topics and the archive, so that what they imply is there.
acknowledged = {number: value for kind, number, value, *_ in journal_lines() if kind == "acknowledged"}
offsets = {topic: offsets_of(topic) for topic in config["topics"]}
dead_letters = list(messages(config["brokers"], config["deadLetters"]))

# (topic, partition, offset) -> (id, digest)
records = {}
for topic in config["topics"]:
    for message in messages(config["brokers"], topic):
        value = message.value()
        records[topic, message.partition(), message.offset()] = (identifier(value), None if value is None else digest(value))
known = {value for _, value in records.values()}
problems["lost"] = [number for number, value in acknowledged.items() if value not in known]

dead = set()
for message in dead_letters:
    # The last report counts, because the record itself may be a dead letter.
    report = {name: value for name, value in message.headers() or [] if name.startswith("dead-letter-")}
    origin = (report["dead-letter-topic"].decode(), int(report["dead-letter-partition"]), int(report["dead-letter-offset"]))
    record = records.get(origin)
    same = message.value() is not None and record is not None and digest(message.value()) == record[1]
    if record is None or not (same or record[1] is None or "dead-letter-omitted-bytes" in report):
        problems["wrongDeadLetters"].append(f"{origin}")
    else:
        dead.add(origin)

objects = {}
for key, body in archived():
    try:
        frame = gzip.decompress(body)
    except Exception as error:
        problems["damaged"].append(f"{key}: {error!r}")
        continue
    if key != key_of(identifier(frame)):
        problems["damaged"].append(f"{key}: the key of the alert is {key_of(identifier(frame))}")
    objects[key] = digest(frame)
sent = {value for _, _, value, *_ in journal_lines()}
problems["unexpected"] = [key for key, value in objects.items() if value not in known and value not in sent]

for topic, partitions in offsets.items():
    for partition, (committed, end) in partitions.items():
        if committed > end:
            problems["ahead"].append(f"{topic}[{partition}]: committed {committed}, log end {end}")
behind = checked = 0
for (topic, partition, offset), (number, value) in records.items():
    if offset >= offsets[topic][partition][0]:
        behind += 1
        continue
    checked += 1
    if (topic, partition, offset) in dead:
        continue
    stored = None if number is None else objects.get(key_of(number))
    where = f"{topic}[{partition}]@{offset}: {number}"
    if stored is None:
        problems["missing"].append(where)
    elif stored != value:
        problems["different"].append(where)

print(json.dumps({
    "records": len(records), "checked": checked, "behind": behind, "objects": len(objects), "deadLetters": len(dead),
    "acknowledged": len(acknowledged), "problems": {name: found[:20] for name, found in problems.items()},
}))
