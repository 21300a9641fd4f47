// Reads an object of the source and verifies it: the frame is inflated and compared with the checksums in the metadata and with the SHA-256
// in the provenance, and its alert id with the id in the key.
import { readFirstLong } from '../avro/datum.ts'
import { parseFrame } from '../avro/wire-format.ts'
import type { Compressor } from '../compression/compressor.ts'
import { AlertStreamError, messageOf } from '../pipeline/errors.ts'
import { readProvenance } from '../provenance/provenance.ts'
import { schemaMeta, verifiedFrame, verifiedSchema, type ReadObject } from '../stores/archived-object.ts'
import { checksumsOf } from '../stores/checksums.ts'
import { storeErrors } from '../stores/errors.ts'
import { gzipType, maxGzipBytes } from '../stores/gzip.ts'
import type { ObjectMeta, ObjectStore } from '../stores/object-store.ts'
import type { ArchivedKey } from './archived-keys.ts'
import { copyErrors } from './errors.ts'
import type { MemoryLimit } from './memory-limit.ts'

/** The frame of an alert is about twice as long as its gzip. */
const memoryPerByte = 3

/** A verified object, as it is written to the destination. */
export interface VerifiedObject {
  readonly source: ArchivedKey
  readonly body: Buffer
  readonly meta: ObjectMeta
}

interface ReadOptions {
  /** Admits each object with `memoryPerByte` times its stored size. Its bytes are held for the key until they are released. */
  readonly memory: MemoryLimit
  readonly maxFrameBytes: number
  /** Compresses alerts that are stored uncompressed. */
  readonly compressor: Compressor
}

/** Errors: OBJECT_CORRUPT, OBJECT_TOO_LARGE, COPY_SOURCE_GONE, STORE_*. */
export async function readVerified (store: ObjectStore, source: ArchivedKey, options: ReadOptions): Promise<VerifiedObject> {
  const where = `${store.url}: ${source.key}`
  const stored = await options.memory.read(source, async admit => await store.get(source.key, bytes => {
    if (bytes > maxGzipBytes(options.maxFrameBytes)) throw storeErrors.OBJECT_TOO_LARGE(`the object has ${bytes} bytes`, { where })
    admit(memoryPerByte * bytes)
  }))
  if (stored === undefined) throw copyErrors.COPY_SOURCE_GONE('the object was deleted after it had been listed', { where })
  const object = { ...stored, where }
  if (source.kind === 'schema') return { source, body: object.body, meta: schemaMeta(verifiedSchema(object)) }
  const frame = await verifiedFrame(object, source.compressed, options.maxFrameBytes)
  assertAlertId(frame, source.id, where)
  const meta = { contentType: gzipType, ...checksumsOf(frame) }
  if (!source.compressed) return { source, body: await options.compressor.gzip(frame, gz => Buffer.from(gz)), meta }
  assertProvenance(object, meta.sha256)
  return { source, body: object.body, meta }
}

function assertAlertId (frame: Buffer, id: string, where: string): void {
  let actual: bigint
  try {
    actual = readFirstLong('an alert', 'the alert id', parseFrame(frame).datum)
  } catch (cause) {
    throw storeErrors.OBJECT_CORRUPT(`the object does not hold an alert: ${messageOf(cause)}`, { where, cause })
  }
  if (String(actual) !== id) throw storeErrors.OBJECT_CORRUPT(`the object holds the alert ${actual}`, { where })
}

function assertProvenance ({ body, where }: ReadObject, sha256: string): void {
  let stated: string | undefined
  try {
    stated = readProvenance(body)?.sha256
  } catch (error) {
    // Damaged or unknown provenance says nothing about the frame, which is verified. The object is copied as it is.
    if (!(error instanceof AlertStreamError)) throw error
  }
  if (stated === undefined || stated === sha256) return
  throw storeErrors.OBJECT_CORRUPT(`the frame has SHA-256 ${sha256}, but the provenance of the object says ${stated}`, { where })
}
