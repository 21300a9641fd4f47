// Compares a Kafka record with its object in the archive. The alert id is read from the frame without a schema: by convention, the first
// field of every alert schema is the id, an Avro long.
import { createHash } from 'node:crypto'
import { readLong } from '../avro/varint.ts'
import { parseFrame } from '../avro/wire-format.ts'
import type { KafkaRecord } from '../kafka/record.ts'
import { assertComplete } from '../kafka/record-size.ts'
import { errorCode, messageOf } from '../pipeline/index.ts'
import type { ArchiveReader } from '../stores/archive.ts'
import { storeErrors } from '../stores/errors.ts'
import { inflateAsync } from '../stores/gzip.ts'

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
  // gzip makes incompressible data slightly longer, and its header may carry extra fields.
  const maxObjectBytes = Math.ceil(frame.length * 1.01) + 65_536
  let content: Buffer
  try {
    const object = await archive.findAlert(alertId, bytes => { if (bytes > maxObjectBytes) throw tooLarge })
    if (object === undefined) return { ...found, mismatch: { problem: 'missing', reason: 'the archive has no object with this id' } }
    content = await inflateAsync(object.gzip, undefined, frame.length)
  } catch (error) {
    if (errorCode(error) === 'OBJECT_TOO_LARGE') return different(`the object holds more than the ${frame.length} bytes of the record`)
    if (errorCode(error) === 'OBJECT_CORRUPT') return different(messageOf(error))
    throw error
  }
  return content.equals(frame) ? found : different(`the object holds ${described(content)}, and the record is ${described(frame)}`)
}

/** Throws Error if the datum does not begin with an alert id. */
function alertIdOf (datum: Buffer): string {
  const cursor = { buf: datum, pos: 0 }
  const id = readLong(cursor)
  if (cursor.pos > datum.length) throw new Error('the datum ends inside the alert id')
  if (id < 0n) throw new Error(`the alert id ${id} is negative`)
  return id.toString()
}

function described (bytes: Buffer): string {
  return `${bytes.length} bytes with SHA-256 ${createHash('sha256').update(bytes).digest('hex')}`
}
