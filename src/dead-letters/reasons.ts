// The reasons for dead letters. Each entry gives the nodes that report the reason, its meaning, and what to do with the dead letter. The
// hint of the error with the same code is the remedy. docs/dead-letters.md lists all reasons.
import '../avro/errors.ts'
import '../kafka/errors.ts'
import '../stores/errors.ts'
import { declaredErrors } from '../pipeline/index.ts'

interface DeadLetterReason {
  /** The modes and nodes that report the reason. */
  readonly by: string
  readonly meaning: string
  /** `redrive`: send the dead letter back after a fix. `discard`: the record cannot become an alert. `file`: fix and reload the file. */
  readonly then: 'redrive' | 'discard' | 'file'
}

const [unframe, capture, archive, encode] = ['ingest: unframe', 'ingest: capture-schema', 'ingest: archive', 'create-stream: re-encode']
const deadLetterReasons: Readonly<Record<string, DeadLetterReason>> = {
  KAFKA_RECORD_TOO_LARGE: {
    by: unframe, then: 'redrive',
    meaning: 'The record exceeds --max-record-mib. The dead letter has the size and SHA-256 of the value, but not its bytes.'
  },
  FRAME_EMPTY: { by: unframe, meaning: 'The value of the message is null or empty.', then: 'discard' },
  FRAME_TOO_SHORT: { by: unframe, meaning: 'The message is shorter than the 5-byte frame header.', then: 'discard' },
  FRAME_BAD_MAGIC: { by: unframe, meaning: 'The first byte is not 0x00, so the message is not a Confluent frame.', then: 'discard' },
  UNKNOWN_SCHEMA: {
    by: capture, meaning: 'The registry had no usable schema with this id after --unknown-schema-seconds.', then: 'redrive'
  },
  SCHEMA_NO_ALERT_ID: { by: capture, meaning: 'The first field of the schema is not a long, so the alert has no id.', then: 'discard' },
  DATUM_INVALID: {
    by: `${capture}; ${encode}`, meaning: 'The bytes are not exactly one datum of the schema of their frame or file.', then: 'discard'
  },
  ALERT_ID_INVALID: { by: archive, meaning: 'The alert id is negative.', then: 'discard' },
  ARCHIVE_CONFLICT: { by: archive, meaning: 'Another alert has this id, in any layout. The message has both SHA-256.', then: 'redrive' },
  AVRO_BAD_RECORD: { by: encode, meaning: 'A record of the file cannot be decoded.', then: 'file' },
  AVRO_BAD_BLOCK: { by: encode, meaning: 'A block of the file is damaged, so its alerts are lost or may be wrong.', then: 'file' },
  AVRO_CRC_MISMATCH: { by: encode, meaning: 'A block of the file does not match its checksum.', then: 'file' },
  AVRO_BLOCK_TOO_LARGE: { by: encode, meaning: 'A decompressed block of the file exceeds the size limit.', then: 'file' },
  RESOLUTION_IMPOSSIBLE: { by: encode, meaning: 'The alert has no value for required fields of the schema; see --fill-in.', then: 'file' },
  VALUE_INVALID: { by: encode, meaning: 'A value of the alert does not match the target schema.', then: 'file' },
  KAFKA_MESSAGE_TOO_LARGE: { by: `${encode}, static-topic`, meaning: 'The alert exceeds max.message.bytes of the topic.', then: 'file' }
}

/** The table of docs/dead-letters.md. */
export function reasonsMarkdown (): string {
  const declared = declaredErrors()
  const row = (code: string, { by, meaning, then }: DeadLetterReason): string =>
    `| \`${code}\` | ${by} | ${meaning} | ${declared.get(code)?.hint ?? ''} | ${then} |`
  return [
    '| reason | reported by | meaning | what to do | then |', '|---|---|---|---|---|',
    ...Object.entries(deadLetterReasons).map(([code, reason]) => row(code, reason)),
    '| `UNEXPECTED` | any node | A bug in the program. | Report the bug, with the dead letter. | redrive |'
  ].join('\n')
}
