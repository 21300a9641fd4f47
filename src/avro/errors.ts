// Every failure of the Avro side that a user can meet: frames, schemas, container files, resolution, registry, schema packages.
import { asRetryable, defineErrors } from '../pipeline/errors.ts'

export const frameErrors = defineErrors({
  FRAME_EMPTY: { hint: 'Produce Confluent frames: byte 0x00, a 4-byte big-endian schema id, then the Avro datum.' },
  FRAME_TOO_SHORT: { hint: 'Produce Confluent frames: byte 0x00, a 4-byte big-endian schema id, then the Avro datum.' },
  FRAME_BAD_MAGIC: { hint: 'Check that the topic carries Avro in Confluent framing: the first byte must be 0x00.' }
})

export const schemaErrors = defineErrors({
  SCHEMA_INVALID: { hint: 'Correct the Avro schema.' },
  SCHEMA_NO_ALERT_ID: { hint: 'Use a schema whose first field is the id of the alert, an Avro long.' },
  DATUM_INVALID: { hint: 'Check that the bytes were written with this schema.' },
  VALUE_INVALID: { hint: 'Make the value fit the schema; Avro longs are bigint.' }
})

export const containerErrors = defineErrors({
  AVRO_UNREADABLE: { hint: 'Check that the file exists and may be read.' },
  AVRO_NOT_A_CONTAINER: { hint: 'Give an Avro object container file (it begins with the bytes "Obj" 0x01).' },
  AVRO_TRUNCATED: { hint: 'Fetch or write the file again: its end is missing.' },
  AVRO_BAD_SYNC: { hint: 'Fetch or write the file again: it is damaged.' },
  AVRO_BAD_BLOCK: { hint: 'Fetch or write the file again: the block is damaged.' },
  AVRO_BLOCK_TOO_LARGE: { hint: 'Write the file with smaller blocks, or allow larger ones.' },
  AVRO_CRC_MISMATCH: { hint: 'Fetch or write the file again: the block is damaged.' },
  AVRO_BAD_RECORD: { hint: 'The other records are not affected; write this one again with the schema of the file.' },
  AVRO_UNKNOWN_CODEC: { hint: 'Write the file with codec null, deflate, snappy or zstandard.' },
  AVRO_UNWRITABLE: { hint: 'Check that the folder exists, may be written and has room.' }
})

export const resolutionErrors = defineErrors({
  RESOLUTION_IMPOSSIBLE: { hint: 'Publish the alert with its own schema version, or give the reader schema a default or an alias for each field named.' }
})

export const registryErrors = defineErrors({
  UNKNOWN_SCHEMA: { hint: 'Register the schema (sync-schema), or check that the frame and the registry belong together.' },
  UNKNOWN_SUBJECT: { hint: 'Run sync-schema first, or correct the subject.' },
  REGISTRY_UNAVAILABLE: { hint: 'Check that the schema registry runs and that its URL is right.', retryable: true },
  REGISTRY_REFUSED: { hint: 'See the registry\'s own message.' },
  NOT_A_REGISTRY: { hint: 'Give the base URL of the Confluent API: the one to which /schemas/ids/1 can be appended.' },
  SCHEMA_INCOMPATIBLE: { hint: 'Set the compatibility of the subject to NONE, or publish a compatible schema.' },
  SCHEMA_ID_NOT_HONOURED: { hint: 'Use a registry that takes explicit ids, use a free id, or let the registry assign one.' }
})

const repairable = new Set(['REGISTRY_REFUSED', 'NOT_A_REGISTRY'])

/** Makes registry errors that say nothing about the record retryable, so that no record is dead-lettered for them. */
export function retryableRegistryError (error: unknown): unknown {
  return asRetryable(error, repairable)
}

export const packageErrors = defineErrors({
  PACKAGE_NOT_FOUND: { hint: 'Give a folder of .avsc files, a tree {major}/{minor}/*.avsc, or one .avsc with its named types beside it.' },
  PACKAGE_INVALID: { hint: 'Correct the schema files.' },
  PACKAGE_UNKNOWN_VERSION: { hint: 'Choose one of the versions listed.', usage: true },
  PACKAGE_NO_PYTHON: { hint: 'Install Python 3 with pip, or give a folder of schemas that you have.' },
  PACKAGE_FETCH_FAILED: { hint: 'Check the network and the package index, or give a folder of schemas that you have.', retryable: true },
  PACKAGE_BAD_CHECKSUM: { hint: 'Do not use the file: what the package index gave is not the pinned release.' }
})
