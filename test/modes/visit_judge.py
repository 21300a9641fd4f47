"""Independent judge of visits: decodes the packed ids of a topic, and those in the keys of an archive, without code of this program.

Usage: visit_judge.py BROKER TOPIC                  prints {visit: [id, ...]} for the alerts of the topic
       visit_judge.py ARCHIVE SERVER PREFIX         prints {folder: {"visit detector": number of alerts}} for the alerts of the archive
ARCHIVE is file:///folder, gs://bucket or s3://bucket; SERVER is the URL of the bucket's storage server, or empty.
"""
import collections
import datetime
import io
import json
import pathlib
import sys

import fastavro

sys.path.append(str(pathlib.Path(__file__).parents[1] / "support"))
from independent_archive import archived_objects, messages  # noqa: E402


def unpack(number):
    """Visit and detector of a packed id: 7 bits origin, 14 bits days since 2010, 15 bits sequence, 8 bits detector, 19 bits counter."""
    night = datetime.date(2010, 1, 1) + datetime.timedelta(days=number >> 42 & 0x3FFF)
    return f"{night:%Y%m%d}{number >> 27 & 0x7FFF:05}", number >> 19 & 0xFF


def ids_by_visit(broker, topic):
    visits = collections.defaultdict(list)
    for message in messages(broker, topic):
        number = fastavro.schemaless_reader(io.BytesIO(message.value()[5:]), {
            "type": "record", "name": "alert", "fields": [{"name": "diaSourceId", "type": "long"}]
        })["diaSourceId"]
        visits[unpack(number)[0]].append(str(number))
    return {visit: sorted(ids) for visit, ids in visits.items()}


def contents_by_folder(archive, server, prefix):
    folders = collections.defaultdict(collections.Counter)
    for key, _, _ in archived_objects(archive, server, prefix):
        folder, name = key.rsplit("/", 1)
        visit, detector = unpack(int(name.split(".")[0]))
        folders[folder][f"{visit} {detector}"] += 1
    return folders


print(json.dumps(contents_by_folder(*sys.argv[1:]) if "://" in sys.argv[1] else ids_by_visit(*sys.argv[1:])))
