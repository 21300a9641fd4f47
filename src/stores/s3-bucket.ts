// A bucket of S3 or of a compatible service. An object is put in one request with "If-None-Match: *". Before the first write, a probe
// object shows whether the service honours this header. A request announces the CRC32C of its body in a header, not in a trailer. Each
// response is verified with the CRC32C that the service returns, or else with the MD5 in the ETag.
import {
  DeleteObjectCommand, GetObjectCommand, HeadObjectCommand, ListObjectsV2Command, type GetObjectCommandOutput
} from '@aws-sdk/client-s3'
import type { AlertStreamError } from '../pipeline/errors.ts'
import type { Logger } from '../pipeline/log.ts'
import { base64Crc32c, checksumsIn, metadataOf, type Bucket, type Page, type PageRequest } from './bucket.ts'
import { damagedResponse, type Operation } from './bucket-errors.ts'
import { checksumsOf } from './checksums.ts'
import { storeErrors } from './errors.ts'
import { incomingName } from './incoming.ts'
import { compareKeys } from './keys.ts'
import type { Admit, ObjectMeta, ObjectStart, StoredObject } from './object-store.ts'
import { crc32cMismatch, hasCrc32c, md5Mismatch, type Mismatch } from './s3-checksums.ts'
import { readBody, type S3Connection, type S3Stored } from './s3-connection.ts'
import { missingIn, statusOf, unexpectedS3Response } from './s3-errors.ts'
import type { S3Upload } from './s3-upload.ts'

interface S3BucketOptions {
  readonly bucket: string
  /** Prefix of all object names of the store. The probe object is below it. */
  readonly prefix: string
  /** Whether to write although the service ignores If-None-Match. Then each write looks for an existing object first. */
  readonly allowOverwrite: boolean
  readonly log: Logger
  /** Sends the uploads. Default: the connection, through the SDK. */
  readonly upload?: S3Upload | undefined
}

interface Download {
  readonly response: GetObjectCommandOutput
  readonly body: Buffer
}

const probe = Buffer.from('alert-stream puts this object twice: the service must reject the second put because of If-None-Match.\n')

export class S3Bucket implements Bucket {
  readonly url: string
  seenAt = -Infinity
  readonly #connection: S3Connection
  readonly #options: S3BucketOptions
  /** Whether the service refuses to overwrite objects. Undefined until it has answered. */
  #conditional: Promise<boolean> | undefined

  constructor (connection: S3Connection, options: S3BucketOptions) {
    this.url = `s3://${options.bucket}`
    this.#connection = connection
    this.#options = options
  }

  async create (name: string, body: Buffer, meta: ObjectMeta): Promise<AlertStreamError | undefined> {
    const conditional = await this.#isConditional()
    const crc32c = base64Crc32c(body)
    const outcome = conditional || !await this.#exists(name) ? await this.#put(name, body, crc32c, meta, conditional) : 'exists'
    if (outcome === 'exists') {
      const what = 'the object existed or was being written, but is missing now'
      return storeErrors.STORE_UNAVAILABLE(what, { where: this.#where(name) })
    }
    if (outcome.ETag === undefined) throw unexpectedS3Response({ action: 'write the object', where: this.#where(name) })
    const mismatch = crc32cMismatch(outcome, body, crc32c) ?? md5Mismatch(outcome, body)
    if (mismatch !== undefined) await this.#discardIfDamaged(name, body, outcome, mismatch)
    this.seenAt = performance.now()
    return undefined
  }

  async #put (name: string, body: Buffer, crc32c: string, meta: ObjectMeta, conditional: boolean): Promise<S3Stored | 'exists'> {
    const { upload = this.#connection, bucket } = this.#options
    const object = { bucket, name, body, crc32c, contentType: meta.contentType, metadata: metadataOf(meta), conditional }
    return await upload.put({ action: 'write the object', where: this.#where(name) }, object)
  }

  async #exists (name: string): Promise<boolean> {
    const command = new HeadObjectCommand({ Bucket: this.#options.bucket, Key: name })
    return await this.#connection.send({ action: 'look for the object', where: this.#where(name) }, async (client, options) => {
      await client.send(command, options)
      return true
    }, error => statusOf(error) === 404 ? false : undefined)
  }

  // Called if the response does not have the checksum of the upload. AWS itself rejects damaged uploads; other services may not. Some have
  // ETags that are no MD5, so the stored bytes decide. A damaged object is deleted, because a retry would otherwise find a conflict.
  async #discardIfDamaged (
    name: string, body: Buffer, { VersionId, ETag }: S3Stored, { kind, actual, expected }: Mismatch
  ): Promise<void> {
    const where = this.#where(name)
    const stored = await this.#download(name, { action: 'read the object just written', where })
    if (typeof stored === 'object' && stored.body.equals(body)) return
    const version = VersionId === undefined ? { IfMatch: ETag } : { VersionId }
    const command = new DeleteObjectCommand({ Bucket: this.#options.bucket, Key: name, ...version })
    await this.#connection.send<unknown>({ action: 'delete the damaged object', where }, async (client, options) =>
      await client.send(command, options), error => statusOf(error) === 404 || statusOf(error) === 412 || undefined)
    throw storeErrors.STORE_DAMAGED(`the object was stored with ${kind} ${expected} instead of ${actual}, and was deleted`, { where })
  }

  async prepareWrites (): Promise<void> {
    await this.#isConditional()
  }

  async #isConditional (): Promise<boolean> {
    this.#conditional ??= this.#probe().catch((error: unknown) => {
      this.#conditional = undefined
      throw error
    })
    return await this.#conditional
  }

  // The first put creates the probe object if it is missing, so the second put must be rejected.
  async #probe (): Promise<boolean> {
    const { prefix, allowOverwrite, log } = this.#options
    const name = `${prefix}${incomingName}/if-none-match`
    const meta = { contentType: 'text/plain', ...checksumsOf(probe) }
    const crc32c = base64Crc32c(probe)
    for (let attempt = 1; attempt <= 2; attempt++) if (await this.#put(name, probe, crc32c, meta, true) === 'exists') return true
    if (!allowOverwrite) {
      const what = 'the service ignores "If-None-Match: *", so that a write could replace an archived object'
      throw storeErrors.STORE_OVERWRITES(what, { where: this.#where(name) })
    }
    log.warn({ store: this.url }, 'the service ignores If-None-Match: concurrent writers can overwrite objects')
    return false
  }

  async read (name: string, action: string, admit?: Admit): Promise<StoredObject | undefined> {
    const operation = { action, where: this.#where(name) }
    const found = await this.#download(name, operation, admit)
    if (typeof found === 'string') return undefined
    const { response, body } = found
    const mismatch = hasCrc32c(response) ? crc32cMismatch(response, body) : md5Mismatch(response, body)
    if (mismatch !== undefined) throw damagedResponse(operation, body, mismatch)
    return { body, ...checksumsInResponse(response) }
  }

  async readStart (name: string, bytes: number): Promise<ObjectStart | undefined> {
    const operation = { action: 'read the start of the object', where: this.#where(name) }
    const admit = (received: number): void => {
      if (received > bytes) throw unexpectedS3Response(operation)
    }
    const found = await this.#download(name, operation, admit, `bytes=0-${bytes - 1}`)
    if (found === 'missing') return undefined
    if (found === 'empty') return { start: Buffer.alloc(0), size: 0 }
    const { response, body } = found
    const size = Number(/^bytes 0-\d+\/(\d+)$/.exec(response.ContentRange ?? '')?.[1] ?? body.length)
    if (body.length !== Math.min(bytes, size)) throw unexpectedS3Response(operation)
    return { start: body, size, ...checksumsInResponse(response) }
  }

  async #download (name: string, operation: Operation, admit?: Admit, range?: string): Promise<Download | 'missing' | 'empty'> {
    const command = new GetObjectCommand({ Bucket: this.#options.bucket, Key: name, ...range === undefined ? {} : { Range: range } })
    const found = await this.#connection.send<Download | 'missing' | 'empty'>(operation, async (client, options) => {
      const response = await client.send(command, options)
      if (response.ETag === undefined) throw unexpectedS3Response(operation)
      return { response, body: await readBody(response, options.abortSignal, admit) }
    }, error => {
      // Only an empty object has no first byte.
      if (range !== undefined && statusOf(error) === 416) return 'empty'
      const missing = missingIn(error)
      if (missing === 'object') this.seenAt = performance.now()
      return missing && 'missing'
    })
    if (found !== 'missing') this.seenAt = performance.now()
    return found
  }

  async page ({ prefix, from, before, max, token }: PageRequest): Promise<Page> {
    const operation = { action: 'list the bucket', where: this.url }
    const command = new ListObjectsV2Command({
      Bucket: this.#options.bucket,
      Prefix: prefix,
      MaxKeys: max,
      ...token === undefined ? {} : { ContinuationToken: token },
      ...from === undefined || token !== undefined ? {} : { StartAfter: nameBefore(from) }
    })
    const { Name, Contents = [], NextContinuationToken } = await this.#connection.send(operation, async (client, options) =>
      await client.send(command, options))
    if (Name === undefined) throw unexpectedS3Response(operation)
    this.seenAt = performance.now()
    const names = Contents.map(({ Key = '' }) => Key)
    const isWanted = (name: string): boolean =>
      (from === undefined || compareKeys(name, from) >= 0) && (before === undefined || compareKeys(name, before) < 0)
    const last = names.at(-1)
    const ends = before !== undefined && last !== undefined && compareKeys(last, before) >= 0
    return { names: names.filter(isWanted), next: ends ? undefined : NextContinuationToken }
  }

  abort (): void {
    this.#options.upload?.abort()
    this.#connection.abort()
  }

  #where (name: string): string {
    return `${this.url}/${name}`
  }
}

function checksumsInResponse ({ Metadata = {} }: GetObjectCommandOutput): ReturnType<typeof checksumsIn> {
  return checksumsIn(name => Metadata[name])
}

/** A name shortly before `name`, because a listing starts after its StartAfter. The few names between the two are filtered out. */
function nameBefore (name: string): string {
  const characters = Array.from(name)
  const last = characters.pop()?.codePointAt(0) ?? 0
  const head = characters.join('')
  return last > 0x20 && last <= 0x7f ? `${head}${String.fromCodePoint(last - 1)}~` : head
}
