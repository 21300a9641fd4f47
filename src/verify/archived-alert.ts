// Compares a Kafka record with its object in the archive. The alert id is read from the frame without a schema: by convention, the first
// field of every alert schema is the id, an Avro long.
import { readFirstLong } from '../avro/datum.ts'
import { parseFrame } from '../avro/wire-format.ts'
import type { KafkaRecord } from '../kafka/record.ts'
import { assertComplete } from '../kafka/record-size.ts'
import { errorCode, messageOf } from '../pipeline/index.ts'
import type { ArchiveReader } from '../stores/archive.ts'
import { sha256 } from '../stores/checksums.ts'
import { storeErrors } from '../stores/errors.ts'
import { inflateAsync, maxGzipBytes } from '../stores/gzip.ts'

/** What the archive has for a record. */
export interface Comparison {
  readonly record: KafkaRecord
  /** Undefined if the value is not a frame. */
  readonly schemaId?: number | undefined
  /** Undefined if the frame has no valid alert id. */
  readonly alertId?: string | undefined
  /** Why the archive does not have the record; undefined if the object equals the record. */
  readonly mismatch?: { readonly problem: 'missing' | 'different', readonly reason: string } | undefined
}

/** Errors: STORE_*. A damaged object is different. At most the size of the record is inflated. */
export async function compareWithArchive (archive: Pick<ArchiveReader, 'findAlert'>, record: KafkaRecord): Promise<Comparison> {
  const frame = record.value ?? Buffer.alloc(0)
  let schemaId: number | undefined
  let alertId: string
  try {
    assertComplete(record)
    const parsed = parseFrame(frame)
    schemaId = parsed.schemaId
    alertId = alertIdOf(parsed.datum)
  } catch (error) {
    return { record, schemaId, mismatch: { problem: 'missing', reason: `the record cannot be archived: ${messageOf(error)}` } }
  }
  const found = { record, schemaId, alertId }
  const different = (reason: string): Comparison => ({ ...found, mismatch: { problem: 'different', reason } })
  const tooLarge = storeErrors.OBJECT_TOO_LARGE('the object cannot hold the record')
  const maxObjectBytes = maxGzipBytes(frame.length)
  let content: Buffer
  try {
    const object = await archive.findAlert(alertId, bytes => { if (bytes > maxObjectBytes) throw tooLarge })
    if (object === undefined) return { ...found, mismatch: { problem: 'missing', reason: 'the archive has no object with this id' } }
    content = object.compressed ? await inflateAsync(object.body, undefined, frame.length) : object.body
  } catch (error) {
    if (errorCode(error) === 'OBJECT_TOO_LARGE') return different(`the object holds more than the ${frame.length} bytes of the record`)
    if (errorCode(error) === 'OBJECT_CORRUPT') return different(messageOf(error))
    throw error
  }
  return content.equals(frame) ? found : different(`the object holds ${described(content)}, and the record is ${described(frame)}`)
}

/** Errors: DATUM_INVALID; Error if the id is negative. */
function alertIdOf (datum: Buffer): string {
  const id = readFirstLong('an alert', 'the alert id', datum)
  if (id < 0n) throw new Error(`the alert id ${id} is negative`)
  return id.toString()
}

function described (bytes: Buffer): string {
  return `${bytes.length} bytes with SHA-256 ${sha256(bytes)}`
}
