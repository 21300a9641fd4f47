// The archive keeps alerts (gzipped frames) and schemas (JSON text) by id, in two object stores. It writes one key layout and reads both
// layouts. `getAlert` verifies the frame against the gzip trailer and, if the store keeps metadata, against the stored CRC32C.
import { crc32c, hex32 } from './crc32c.ts'
import { storeErrors } from './errors.ts'
import { gzipType, inflate, looksLikeGzip } from './gzip.ts'
import { alertKey, readingOrder, schemaKey, type Layout } from './layouts.ts'
import { type ObjectStore, type PutOutcome, type StoredObject } from './object-store.ts'

interface ArchiveOptions {
  readonly alerts: ObjectStore
  readonly schemas: ObjectStore
  /** Key layout of new objects. Reads try this layout before the other layout. */
  readonly layout: Layout
}

export interface ArchiveReader {
  /** Resolves to the stored gzip, or to undefined if the alert is not archived. Rejects with OBJECT_CORRUPT if the object is not gzip. */
  getAlertGzip (id: string): Promise<Buffer | undefined>
  /** Resolves to the frame as it was in Kafka, or to undefined if not archived. Rejects with OBJECT_CORRUPT if the object is damaged. */
  getAlert (id: string): Promise<Buffer | undefined>
  /** Resolves to the schema text as the registry returned it, or to undefined if the schema is not archived. */
  getSchema (id: number): Promise<string | undefined>
  /** Resolves if both stores can be used; rejects with a STORE_* error otherwise. */
  check (): Promise<void>
}

export interface Archive extends ArchiveReader {
  readonly alerts: ObjectStore
  readonly schemas: ObjectStore
  /**
   * Stores an alert. Rejects with ARCHIVE_CONFLICT if a different frame is stored under the id.
   * @param id canonical decimal alert id
   * @param gz gzip of the frame
   * @param frameCrc32c CRC32C of the uncompressed frame
   */
  putAlert (id: string, gz: Buffer, frameCrc32c: number): Promise<PutOutcome>
  /**
   * Stores the JSON text of a schema unchanged. If the stored text differs only in whitespace, the outcome is 'identical'.
   * Rejects with ARCHIVE_CONFLICT if a different schema is stored under the id.
   */
  putSchema (id: number, text: string): Promise<PutOutcome>
  close (): Promise<void>
}

interface FoundObject extends StoredObject {
  /** Store URL and key of the object, for error messages. */
  readonly where: string
}

export function createArchive ({ alerts, schemas, layout }: ArchiveOptions): Archive {
  const order = readingOrder(layout)

  async function find (store: ObjectStore, keyIn: (layout: Layout) => string): Promise<FoundObject | undefined> {
    for (const each of order) {
      const key = keyIn(each)
      const object = await store.get(key)
      if (object !== undefined) return { ...object, where: `${store.url}: ${key}` }
    }
    return undefined
  }

  return {
    alerts,
    schemas,

    putAlert: (id, gz, frameCrc32c) => alerts.put(alertKey(layout, id), gz, { contentType: gzipType, crc32c: frameCrc32c }),

    putSchema (id, text) {
      const body = Buffer.from(text)
      return schemas.put(schemaKey(layout, id), body, {
        contentType: 'application/json',
        crc32c: crc32c(body),
        same: existing => compact(existing.toString()) === compact(text)
      })
    },

    async getAlertGzip (id) {
      const object = await find(alerts, each => alertKey(each, id))
      if (object === undefined) return undefined
      if (!looksLikeGzip(object.body)) throw storeErrors.OBJECT_CORRUPT('the object is not gzip', { where: object.where })
      return object.body
    },

    async getAlert (id) {
      const object = await find(alerts, each => alertKey(each, id))
      if (object === undefined) return undefined
      const frame = inflate(object.body, object.where)
      if (object.crc32c !== undefined && crc32c(frame) !== object.crc32c) {
        const what = `the frame has CRC32C ${hex32(crc32c(frame))}, but the metadata of the object says ${hex32(object.crc32c)}`
        throw storeErrors.OBJECT_CORRUPT(what, { where: object.where })
      }
      return frame
    },

    async getSchema (id) {
      return (await find(schemas, each => schemaKey(each, id)))?.body.toString()
    },

    async check () {
      await Promise.all([alerts.check(), schemas.check()])
    },

    async close () {
      await Promise.all([alerts.close(), schemas.close()])
    }
  }
}

// Removes whitespace between JSON tokens. Parsing and re-serializing would round numbers beyond 2^53.
function compact (text: string): string {
  return text.replace(/("(?:[^"\\]|\\.)*")|\s+/g, '$1')
}
