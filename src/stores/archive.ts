// The archive keeps alerts (gzipped frames) and schemas (JSON text) by id, in two object stores. It writes one key layout. If a store also
// holds objects of another layout, writes compare with the other key first, and reads that find nothing try the other key.
// `getAlert` verifies the frame against the gzip trailer and, if the store keeps metadata, against SHA-256 (older objects: CRC32C).
import { checksumsOf, sha256, type Checksums } from './checksums.ts'
import { crc32c, hex32 } from './crc32c.ts'
import { storeErrors } from './errors.ts'
import { gzipType, inflate, looksLikeGzip } from './gzip.ts'
import { alertKey, schemaKey, type Layout } from './layouts.ts'
import { type ObjectMeta, type ObjectStore, type PutOutcome, type StoredObject } from './object-store.ts'
import { OtherLayouts } from './other-layouts.ts'

interface ArchiveOptions {
  readonly alerts: ObjectStore
  readonly schemas: ObjectStore
  /** Key layout of new objects. Reads try this layout first. */
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
   * Stores an alert unless the same frame is stored under the id, in any layout. Rejects with ARCHIVE_CONFLICT if a different frame is.
   * @param id canonical decimal alert id
   * @param gz gzip of the frame
   * @param frame checksums of the uncompressed frame
   */
  putAlert (id: string, gz: Buffer, frame: Checksums): Promise<PutOutcome>
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
  const otherAlerts = new OtherLayouts(alerts, 'alerts', layout)
  const otherSchemas = new OtherLayouts(schemas, 'schemas', layout)

  async function find (store: ObjectStore, others: OtherLayouts, keyIn: (layout: Layout) => string): Promise<FoundObject | undefined> {
    const found = await read(store, keyIn(layout))
    if (found !== undefined) return found
    for (const other of await others.used()) {
      const object = await read(store, keyIn(other))
      if (object !== undefined) return object
    }
    return undefined
  }

  async function read (store: ObjectStore, key: string): Promise<FoundObject | undefined> {
    const object = await store.get(key)
    return object === undefined ? undefined : { ...object, where: `${store.url}: ${key}` }
  }

  async function put (
    store: ObjectStore, others: OtherLayouts, keyIn: (layout: Layout) => string, body: Buffer, meta: ObjectMeta
  ): Promise<PutOutcome> {
    const key = keyIn(layout)
    for (const other of await others.used()) {
      if (await store.compare(keyIn(other), body, meta) === 'identical') return 'identical'
    }
    return await store.put(key, body, meta)
  }

  return {
    alerts,
    schemas,

    async putAlert (id, gz, frame) {
      return await put(alerts, otherAlerts, each => alertKey(each, id), gz, { contentType: gzipType, ...frame })
    },

    async putSchema (id, text) {
      const body = Buffer.from(text)
      return await put(schemas, otherSchemas, each => schemaKey(each, id), body, {
        contentType: 'application/json',
        ...checksumsOf(body),
        same: existing => compact(existing.toString()) === compact(text)
      })
    },

    async getAlertGzip (id) {
      const object = await find(alerts, otherAlerts, each => alertKey(each, id))
      if (object === undefined) return undefined
      if (!looksLikeGzip(object.body)) throw storeErrors.OBJECT_CORRUPT('the object is not gzip', { where: object.where })
      return object.body
    },

    async getAlert (id) {
      const object = await find(alerts, otherAlerts, each => alertKey(each, id))
      if (object === undefined) return undefined
      const frame = inflate(object.body, object.where)
      assertChecksum(frame, object)
      return frame
    },

    async getSchema (id) {
      return (await find(schemas, otherSchemas, each => schemaKey(each, id)))?.body.toString()
    },

    async check () {
      await Promise.all([alerts.check(), schemas.check()])
    },

    async close () {
      await Promise.all([alerts.close(), schemas.close()])
    }
  }
}

/** Throws OBJECT_CORRUPT unless the frame has the checksum in the metadata of its object. */
function assertChecksum (frame: Buffer, { sha256: expected, crc32c: expectedCrc, where }: FoundObject): void {
  if (expected !== undefined) {
    const actual = sha256(frame)
    if (actual === expected) return
    throw storeErrors.OBJECT_CORRUPT(`the frame has SHA-256 ${actual}, but the metadata of the object says ${expected}`, { where })
  }
  const actual = crc32c(frame)
  if (expectedCrc === undefined || actual === expectedCrc) return
  const what = `the frame has CRC32C ${hex32(actual)}, but the metadata of the object says ${hex32(expectedCrc)}`
  throw storeErrors.OBJECT_CORRUPT(what, { where })
}

// Removes whitespace between JSON tokens. Parsing and re-serializing would round numbers beyond 2^53.
function compact (text: string): string {
  return text.replace(/("(?:[^"\\]|\\.)*")|\s+/g, '$1')
}
