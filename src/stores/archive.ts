// The archive: gzipped alert frames and schema texts by id, in two object stores. Writes use the configured layout; reads try that layout
// first, then the other. Reads return exactly what was written: frames are verified by gzip's CRC and, if the store keeps it, by CRC32C.
import { crc32c, hex32 } from './crc32c.ts'
import { storeErrors } from './errors.ts'
import { gzipType, inflate, looksLikeGzip } from './gzip.ts'
import { alertKey, readingOrder, schemaKey, type Layout } from './layouts.ts'
import { type ObjectStore, type PutOutcome, type StoredObject } from './object-store.ts'

const schemaType = 'application/json'

export interface ArchiveOptions {
  readonly alerts: ObjectStore
  readonly schemas: ObjectStore
  /** The layout for writes, and the first one for reads. */
  readonly layout: Layout
}

/** The reading side of an archive. */
export interface ArchiveReader {
  /** The stored gzip object, not inflated; undefined if the id is not archived. Error: OBJECT_CORRUPT if it is not gzip. */
  getAlertGzip (id: string): Promise<Buffer | undefined>
  /** The frame exactly as it was in Kafka; undefined if the id is not archived. Error: OBJECT_CORRUPT if the object is damaged. */
  getAlert (id: string): Promise<Buffer | undefined>
  /** The schema text as the registry returned it; undefined if the id is not archived. */
  getSchema (id: number): Promise<string | undefined>
  /** Resolves if both stores are usable. Errors: STORE_*. */
  check (): Promise<void>
}

export interface Archive extends ArchiveReader {
  readonly layout: Layout
  readonly alerts: ObjectStore
  readonly schemas: ObjectStore
  /**
   * Writes a gzipped frame. `id` is canonical decimal, `frameCrc32c` the checksum of the uncompressed frame.
   * Errors: ARCHIVE_CONFLICT if the id has another frame; ALERT_ID_INVALID; STORE_*.
   */
  putAlert (id: string, gz: Buffer, frameCrc32c: number): Promise<PutOutcome>
  /** Writes a schema text unchanged. Texts that differ only in white space are identical. Errors: ARCHIVE_CONFLICT, STORE_*. */
  putSchema (id: number, text: string): Promise<PutOutcome>
  close (): Promise<void>
}

export function createArchive ({ alerts, schemas, layout }: ArchiveOptions): Archive {
  const order = readingOrder(layout)

  type Found = StoredObject & { readonly where: string }
  async function firstOf (store: ObjectStore, key: (layout: Layout) => string): Promise<Found | undefined> {
    for (const each of order) {
      const object = await store.get(key(each))
      if (object !== undefined) return { ...object, where: `${store.url}: ${key(each)}` }
    }
    return undefined
  }

  return {
    layout,
    alerts,
    schemas,

    putAlert: (id, gz, frameCrc32c) => alerts.put(alertKey(layout, id), gz, { contentType: gzipType, crc32c: frameCrc32c }),

    putSchema (id, text) {
      const body = Buffer.from(text)
      return schemas.put(schemaKey(layout, id), body, {
        contentType: schemaType,
        crc32c: crc32c(body),
        same: existing => withoutWhiteSpace(existing.toString()) === withoutWhiteSpace(text)
      })
    },

    async getAlertGzip (id) {
      const object = await firstOf(alerts, each => alertKey(each, id))
      if (object !== undefined && !looksLikeGzip(object.body)) {
        throw storeErrors.OBJECT_CORRUPT('the object is not gzip', { where: object.where })
      }
      return object?.body
    },

    async getAlert (id) {
      const object = await firstOf(alerts, each => alertKey(each, id))
      if (object === undefined) return undefined
      const frame = inflate(object.body, object.where)
      const actual = crc32c(frame)
      if (object.crc32c !== undefined && actual !== object.crc32c) {
        const message = `the frame has CRC32C ${hex32(actual)}, but the object's metadata says ${hex32(object.crc32c)}`
        throw storeErrors.OBJECT_CORRUPT(message, { where: object.where })
      }
      return frame
    },

    async getSchema (id) {
      return (await firstOf(schemas, each => schemaKey(each, id)))?.body.toString()
    },

    async check () {
      await Promise.all([alerts.check(), schemas.check()])
    },

    async close () {
      await Promise.all([alerts.close(), schemas.close()])
    }
  }
}

// Removes white space outside of JSON strings. Parsing and serialising instead would round numbers beyond 2^53.
function withoutWhiteSpace (text: string): string {
  return text.replace(/("(?:[^"\\]|\\.)*")|\s+/g, '$1')
}
