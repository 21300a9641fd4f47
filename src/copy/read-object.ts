// Reads an object of the source and verifies it. An alert that is stored uncompressed is compressed.
import type { Compressor } from '../compression/compressor.ts'
import { verifiedAlert } from '../provenance/verified-alert.ts'
import { schemaMeta, verifiedSchema } from '../stores/archived-object.ts'
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
  const { frame, checksums } = await verifiedAlert(object, source, options.maxFrameBytes)
  const meta = { contentType: gzipType, ...checksums }
  return { source, body: source.compressed ? object.body : await options.compressor.gzip(frame, gz => Buffer.from(gz)), meta }
}
