// The archive: alerts as gzipped frames and schemas as JSON text, in two stores, by id. Writes go to the configured layout; reads try it
// first and then the other one. What is read is what was written: frames are checked by gzip's own CRC and, where the store keeps it, by
// the CRC32C that was stored with them.
import { gzipType } from './conflict.ts'
import { crc32c, hex32 } from './crc32c.ts'
import { storeErrors } from './errors.ts'
import { inflate, looksLikeGzip } from './gzip.ts'
import { alertKey, readingOrder, schemaKey, type Layout } from './layouts.ts'
import { type ObjectStore, type PutOutcome, type StoredObject } from './object-store.ts'

export const schemaType = 'application/json'

export interface ArchiveOptions {
  readonly alerts: ObjectStore
  readonly schemas: ObjectStore
  /** The layout that is written and tried first. */
  readonly layout: Layout
}

/** The part of an archive that readers use. */
export interface ArchiveReader {
  /** The stored gzip, not inflated. Undefined where there is none; rejects with OBJECT_CORRUPT where it is no gzip. */
  getAlertGzip (id: string): Promise<Buffer | undefined>
  /** The frame exactly as it came from Kafka. Rejects with OBJECT_CORRUPT where the object is damaged. */
  getAlert (id: string): Promise<Buffer | undefined>
  /** The schema's text as captured from the registry. */
  getSchema (id: number): Promise<string | undefined>
  /** Resolves when both stores can be used. */
  check (): Promise<void>
}

export interface Archive extends ArchiveReader {
  readonly layout: Layout
  readonly alerts: ObjectStore
  readonly schemas: ObjectStore
  /** `id`: canonical decimal; `gz`: gzip of the frame; `frameCrc32c`: of the frame. Rejects with ARCHIVE_CONFLICT for another frame under this id. */
  putAlert (id: string, gz: Buffer, frameCrc32c: number): Promise<PutOutcome>
  /** `text`: JSON, kept as it is. The same JSON in other white space is 'identical'; anything else under this id is ARCHIVE_CONFLICT. */
  putSchema (id: number, text: string): Promise<PutOutcome>
  close (): Promise<void>
}

export function createArchive ({ alerts, schemas, layout }: ArchiveOptions): Archive {
  const order = readingOrder(layout)

  async function firstOf (store: ObjectStore, key: (layout: Layout) => string): Promise<(StoredObject & { readonly where: string }) | undefined> {
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
        same: existing => compact(existing.toString()) === compact(text)
      })
    },

    async getAlertGzip (id) {
      const object = await firstOf(alerts, each => alertKey(each, id))
      if (object !== undefined && !looksLikeGzip(object.body)) throw storeErrors.OBJECT_CORRUPT('the object is not gzip', { where: object.where })
      return object?.body
    },

    async getAlert (id) {
      const object = await firstOf(alerts, each => alertKey(each, id))
      if (object === undefined) return undefined
      const frame = inflate(object.body, object.where)
      if (object.crc32c !== undefined && crc32c(frame) !== object.crc32c) {
        throw storeErrors.OBJECT_CORRUPT(`the frame has CRC32C ${hex32(crc32c(frame))}, not ${hex32(object.crc32c)} as it was put`, { where: object.where })
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

// White space outside of strings goes. Parsing and printing again would round numbers beyond 2^53.
function compact (text: string): string {
  return text.replace(/("(?:[^"\\]|\\.)*")|\s+/g, '$1')
}
