// The archive keeps alerts (gzipped frames) and schemas (JSON text) by id, in two object stores. It writes one key layout. If a store also
// holds objects of other layouts or uncompressed frames, writes compare with them first, and reads that find nothing try their keys.
// A frame is verified against the gzip trailer and, if the store keeps metadata, against the stored SHA-256 (older objects: CRC32C).
import { rubinIds, type PackedIdFormat } from '../ids/packed-id.ts'
import { schemaMeta, verifiedFrame, verifiedSchema, type ReadObject } from './archived-object.ts'
import type { Checksums } from './checksums.ts'
import { storeErrors } from './errors.ts'
import { claimedLength, defaultMaxFrameBytes, gzipType, maxGzipBytes } from './gzip.ts'
import { alertKey, gzipped, schemaKey, type Layout } from './layouts.ts'
import type { Admit, ObjectStart, ObjectStore, PutOutcome } from './object-store.ts'
import { otherAlertKeys, otherSchemaKeys } from './other-keys.ts'

interface ArchiveOptions {
  readonly alerts: ObjectStore
  readonly schemas: ObjectStore
  /** Key layout of new objects. Reads try this layout first. */
  readonly layout: Layout
  /** Packing of alert ids, for layout v3. Default: Rubin's. */
  readonly packedIds?: PackedIdFormat | undefined
  /** Longest frame that is read, in bytes. Default 32 MiB. */
  readonly maxFrameBytes?: number
}

/** An alert as stored. The bytes are not verified yet. */
interface StoredAlert {
  readonly body: Buffer
  /** Whether the body is the gzip of the frame. Otherwise it is the frame itself, as Rubin stored alerts before November 2025. */
  readonly compressed: boolean
  /** Store URL and key, for messages. */
  readonly where: string
  /** SHA-256 of the frame according to the metadata of the object, if it has any. `frame` verifies it. */
  readonly sha256?: string | undefined
  /** Length of the frame according to the gzip trailer, at most the longest permitted frame. Wrong if the object is damaged. */
  readonly expectedBytes: number
  /** Inflates and verifies the frame. Rejects with OBJECT_CORRUPT or OBJECT_TOO_LARGE. */
  frame (): Promise<Buffer>
}

export interface ArchiveReader {
  /** Longest frame that is read, in bytes. */
  readonly maxFrameBytes: number
  /**
   * Resolves to the stored object, or to undefined if the alert is not archived. Rejects with OBJECT_TOO_LARGE before it reads an object
   * that is too large for a permitted frame, and with the error of `admit`.
   */
  findAlert (id: string, admit?: Admit): Promise<StoredAlert | undefined>
  /**
   * The first `bytes` bytes of the stored object, unverified, with its size and its checksums from the metadata. Resolves to undefined if
   * the alert is not archived. Rejects with a STORE_* error.
   */
  getAlertStart (id: string, bytes: number): Promise<ObjectStart | undefined>
  /** The verified frame as it was in Kafka, or undefined. Rejects like `findAlert`, and with OBJECT_CORRUPT if the object is damaged. */
  getAlert (id: string): Promise<Buffer | undefined>
  /**
   * Resolves to the schema text as the registry returned it, or to undefined if the schema is not archived. Rejects with OBJECT_CORRUPT if
   * the text is not JSON or differs from the stored checksum.
   */
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
   * Stores the JSON text of a schema unchanged. If the stored text differs only in whitespace and comments, the outcome is 'identical'.
   * Rejects with ARCHIVE_CONFLICT if a different schema is stored under the id.
   */
  putSchema (id: number, text: string): Promise<PutOutcome>
  close (): Promise<void>
}

interface FoundObject extends ReadObject {
  readonly key: string
}

export function createArchive (options: ArchiveOptions): Archive {
  const { alerts, schemas, layout, packedIds = rubinIds, maxFrameBytes = defaultMaxFrameBytes } = options
  const otherAlerts = otherAlertKeys(alerts, layout, packedIds)
  const otherSchemas = otherSchemaKeys(schemas, layout)

  /** Calls `readKey` with the first key, then with the other keys, until it finds an object. */
  async function find<T> (
    key: string, otherKeys: () => Promise<readonly string[]>, readKey: (key: string) => Promise<T | undefined>
  ): Promise<T | undefined> {
    const found = await readKey(key)
    if (found !== undefined) return found
    for (const other of await otherKeys()) {
      const object = await readKey(other)
      if (object !== undefined) return object
    }
    return undefined
  }

  async function read (store: ObjectStore, key: string, admit?: Admit): Promise<FoundObject | undefined> {
    const where = `${store.url}: ${key}`
    const maxObjectBytes = maxGzipBytes(maxFrameBytes)
    const object = await store.get(key, bytes => {
      if (bytes > maxObjectBytes) throw storeErrors.OBJECT_TOO_LARGE(`the object has ${bytes} bytes`, { where })
      admit?.(bytes)
    })
    return object === undefined ? undefined : { ...object, key, where }
  }

  async function findFirst<T> (id: string, readKey: (key: string) => Promise<T | undefined>): Promise<T | undefined> {
    return await find(alertKey(layout, id, packedIds), () => otherAlerts.toRead(id), readKey)
  }

  async function findAlert (id: string, admit?: Admit): Promise<StoredAlert | undefined> {
    const object = await findFirst(id, async key => await read(alerts, key, admit))
    if (object === undefined) return undefined
    const { body, key, where } = object
    const compressed = key.endsWith(gzipped)
    return {
      body,
      compressed,
      where,
      sha256: object.sha256,
      expectedBytes: Math.min(compressed ? claimedLength(body) : body.length, maxFrameBytes),
      frame: () => verifiedFrame(object, compressed, maxFrameBytes)
    }
  }

  return {
    alerts,
    schemas,
    maxFrameBytes,

    async putAlert (id, gz, frame) {
      const key = alertKey(layout, id, packedIds)
      for (const other of await otherAlerts.toCompare(id)) {
        const contentType = other.endsWith(gzipped) ? gzipType : 'application/octet-stream'
        if (await alerts.compare(other, gz, { contentType, ...frame }) === 'identical') return 'identical'
      }
      return await alerts.put(key, gz, { contentType: gzipType, ...frame })
    },

    async putSchema (id, text) {
      const body = Buffer.from(text)
      const meta = schemaMeta(text)
      const key = schemaKey(layout, id)
      for (const other of await otherSchemas.toCompare(id)) {
        if (await schemas.compare(other, body, meta) === 'identical') return 'identical'
      }
      return await schemas.put(key, body, meta)
    },

    findAlert,

    async getAlertStart (id, bytes) {
      return await findFirst(id, async key => await alerts.getStart(key, bytes))
    },

    async getAlert (id) {
      return await (await findAlert(id))?.frame()
    },

    async getSchema (id) {
      const object = await find(schemaKey(layout, id), () => otherSchemas.toRead(id), async key => await read(schemas, key))
      return object === undefined ? undefined : verifiedSchema(object)
    },

    async check () {
      await Promise.all([alerts.check(), schemas.check()])
    },

    async close () {
      await Promise.all([alerts.close(), schemas.close()])
    }
  }
}
