// The reasons for which records become dead letters, for docs/dead-letters.md: which node gives up, what it means, and what the letter is good
// for afterwards. What to do about each is the hint of its error.
import '../avro/errors.ts'
import '../kafka/errors.ts'
import '../stores/errors.ts'
import { declaredErrors } from '../pipeline/index.ts'

interface DeadLetterReason {
  /** Modes and their nodes. */
  readonly by: string
  readonly meaning: string
  /** `redrive`: send it back once mended; `discard`: it can never be an alert; `file`: mend the file and load it again. */
  readonly afterwards: 'redrive' | 'discard' | 'file'
}

export const deadLetterReasons: Readonly<Record<string, DeadLetterReason>> = {
  FRAME_EMPTY: { by: 'ingest: unframe', meaning: 'The message has no value, or one of 0 bytes.', afterwards: 'discard' },
  FRAME_TOO_SHORT: { by: 'ingest: unframe', meaning: 'Fewer than the 5 bytes of a frame\'s header.', afterwards: 'discard' },
  FRAME_BAD_MAGIC: { by: 'ingest: unframe', meaning: 'The first byte is not 0x00: no Confluent frame.', afterwards: 'discard' },
  UNKNOWN_SCHEMA: { by: 'ingest: capture-schema', meaning: 'The registry does not have the frame\'s schema id, also after --unknown-schema-seconds.', afterwards: 'redrive' },
  SCHEMA_INVALID: { by: 'ingest: capture-schema', meaning: 'The registry\'s text is no Avro schema of a record.', afterwards: 'redrive' },
  SCHEMA_NO_ALERT_ID: { by: 'ingest: capture-schema', meaning: 'The schema\'s first field is not a long: nothing names the alert.', afterwards: 'discard' },
  DATUM_INVALID: { by: 'ingest: capture-schema; create-stream: re-encode', meaning: 'The bytes were not written with the schema that they name.', afterwards: 'discard' },
  ALERT_ID_INVALID: { by: 'ingest: archive', meaning: 'The id is negative.', afterwards: 'discard' },
  ARCHIVE_CONFLICT: { by: 'ingest: archive', meaning: 'The archive has another alert under this id; the message names the object and both checksums.', afterwards: 'redrive' },
  AVRO_BAD_RECORD: { by: 'create-stream: re-encode', meaning: 'A record of the file cannot be decoded.', afterwards: 'file' },
  AVRO_BAD_BLOCK: { by: 'create-stream: re-encode', meaning: 'A block of the file is damaged; the letter says how many alerts are lost with it.', afterwards: 'file' },
  AVRO_CRC_MISMATCH: { by: 'create-stream: re-encode', meaning: 'A block of the file does not have its checksum.', afterwards: 'file' },
  AVRO_BLOCK_TOO_LARGE: { by: 'create-stream: re-encode', meaning: 'A block of the file inflates to more than is allowed.', afterwards: 'file' },
  RESOLUTION_IMPOSSIBLE: { by: 'create-stream: re-encode', meaning: 'The alert lacks fields that the newer schema requires; the message names them (see --fill-in).', afterwards: 'file' },
  VALUE_INVALID: { by: 'create-stream: re-encode', meaning: 'A value does not fit the schema to encode with.', afterwards: 'file' },
  KAFKA_MESSAGE_TOO_LARGE: { by: 'create-stream: re-encode, static-topic', meaning: 'The alert exceeds the topic\'s max.message.bytes.', afterwards: 'file' }
}

/** Codes that are a fault of the program and not of one table. */
export const unexpected = 'UNEXPECTED'

/** The table of docs/dead-letters.md. */
export function reasonsMarkdown (): string {
  const declared = declaredErrors()
  const row = (code: string, { by, meaning, afterwards }: DeadLetterReason): string => `| \`${code}\` | ${by} | ${meaning} | ${declared.get(code)?.hint ?? ''} | ${afterwards} |`
  return [
    '| reason | given up by | meaning | what to do | then |', '|---|---|---|---|---|',
    ...Object.entries(deadLetterReasons).map(([code, reason]) => row(code, reason)),
    `| \`${unexpected}\` | any | A fault of the program. | Report it, with the letter. | redrive |`
  ].join('\n')
}
