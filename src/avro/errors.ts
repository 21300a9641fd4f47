// Error codes of the Avro library: frames, schemas, container files, schema resolution, schema registry, schema packages.
import { asRetryable, defineErrors } from '../pipeline/errors.ts'

export const frameErrors = defineErrors({
  FRAME_EMPTY: { hint: 'Produce Confluent frames: byte 0x00, a 4-byte big-endian schema id, then the Avro datum.' },
  FRAME_TOO_SHORT: { hint: 'Produce Confluent frames: byte 0x00, a 4-byte big-endian schema id, then the Avro datum.' },
  FRAME_BAD_MAGIC: { hint: 'Check that the topic contains Avro in the Confluent wire format; the first byte must be 0x00.' }
})

export const schemaErrors = defineErrors({
  SCHEMA_INVALID: { hint: 'Correct the Avro schema.' },
  SCHEMA_NO_ALERT_ID: { hint: 'Use a schema whose first field is the alert id, an Avro long.' },
  DATUM_INVALID: { hint: 'Check that the producer wrote the bytes with this schema.' },
  VALUE_INVALID: { hint: 'Correct the value so that it matches the schema.' }
})

export const containerErrors = defineErrors({
  AVRO_UNREADABLE: { hint: 'Check that the file exists and is readable.' },
  AVRO_NOT_A_CONTAINER: { hint: 'Give the path of a complete Avro object container file (.avro).' },
  AVRO_TRUNCATED: { hint: 'Download or write the file again: its end is missing.' },
  AVRO_BAD_SYNC: { hint: 'Download or write the file again: it is damaged.' },
  AVRO_BAD_BLOCK: { hint: 'Download or write the file again: the block is damaged.' },
  AVRO_BLOCK_TOO_LARGE: { hint: 'Write the file with smaller blocks.' },
  AVRO_CRC_MISMATCH: { hint: 'Download or write the file again: the block is damaged.' },
  AVRO_BAD_RECORD: { hint: 'Write this record again with the schema of the file; other records are not affected.' },
  AVRO_UNKNOWN_CODEC: { hint: 'Write the file with codec null, deflate, snappy or zstandard.' },
  AVRO_UNWRITABLE: { hint: 'Check that the folder exists, is writable and has free space.' }
})

export const resolutionErrors = defineErrors({
  RESOLUTION_IMPOSSIBLE: {
    hint: 'Publish the alert with its own schema version, or give each field in the message a default or an alias.'
  }
})

export const registryErrors = defineErrors({
  UNKNOWN_SCHEMA: { hint: 'Register the schema with sync-schema, or check that the producer uses the same schema registry.' },
  UNKNOWN_SUBJECT: { hint: 'Register a schema with sync-schema first, or correct the subject.' },
  REGISTRY_UNAVAILABLE: { hint: 'Check that the schema registry is running and that its URL is correct.', retryable: true },
  REGISTRY_REFUSED: { hint: 'Fix the problem that the registry reports; status 401 or 403 means that the registry denied access.' },
  NOT_A_REGISTRY: {
    hint: 'Give the base URL of the Confluent API, without /subjects or /schemas; for Apicurio it ends in /apis/ccompat/v7.'
  },
  SCHEMA_INCOMPATIBLE: { hint: 'Set the compatibility level of the subject to NONE, or register a compatible schema.' },
  SCHEMA_ID_NOT_HONOURED: { hint: 'Use a registry that accepts explicit ids, choose a free id, or let the registry assign the id.' }
})

const repairable = new Set(['REGISTRY_REFUSED', 'NOT_A_REGISTRY'])

/** Makes registry errors retryable if they are not caused by the record, so that no record is dead-lettered because of them. */
export function retryableRegistryError (error: unknown): unknown {
  return asRetryable(error, repairable)
}

export const packageErrors = defineErrors({
  PACKAGE_NOT_FOUND: { hint: 'Give a folder of .avsc files, a tree {major}/{minor}/*.avsc, or one .avsc file next to the types it uses.' },
  PACKAGE_INVALID: { hint: 'Correct the schema files.' },
  PACKAGE_UNKNOWN_VERSION: { hint: 'Choose one of the listed versions.', usage: true },
  PACKAGE_NO_PYTHON: { hint: 'Install Python 3 with pip, or give a local folder of schemas with --schema-package.' },
  PACKAGE_FETCH_FAILED: {
    hint: 'Check the network and the package index, or give a local folder of schemas with --schema-package.', retryable: true
  },
  PACKAGE_BAD_CHECKSUM: { hint: 'Check the package index: its file is not the pinned release and was discarded.' }
})
