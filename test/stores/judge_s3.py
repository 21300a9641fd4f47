"""Reads and writes objects with boto3, which shares no code with the program. Arguments: endpoint, bucket. Prints one JSON document."""
import gzip
import json
import sys

import boto3

endpoint, bucket = sys.argv[1:]
s3 = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y")
objects = {}
for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
    for entry in page.get("Contents", []):
        found = s3.get_object(Bucket=bucket, Key=entry["Key"], ChecksumMode="ENABLED")
        body = found["Body"].read()
        objects[entry["Key"]] = {
            "type": found["ContentType"],
            "encoding": found.get("ContentEncoding"),
            "metadata": found["Metadata"],
            "crc32c": found.get("ChecksumCRC32C"),
            "text": (gzip.decompress(body) if entry["Key"].endswith(".gz") else body).decode(),
        }
# An older uploader: no checksum of the service, no metadata.
s3.put_object(Bucket=bucket, Key="v2/boto3.gz", Body=gzip.compress(b"from boto3", mtime=0), ContentType="application/octet-stream")
print(json.dumps(objects))
