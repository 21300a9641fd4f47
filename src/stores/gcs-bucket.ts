// A bucket of Google Cloud Storage. An object is uploaded in one request with ifGenerationMatch=0. CRC32C is verified in both directions:
// the service verifies the announced checksum of an upload, and this module verifies the checksum in each response. An object that another
// program stored with a Content-Encoding is read as its stored bytes.
import { randomUUID } from 'node:crypto'
import { storeErrors } from './errors.ts'
import type { AlertStreamError } from '../pipeline/errors.ts'
import { allocateOwn, freeOwn } from '../pipeline/own-memory.ts'
import { base64Crc32c, checksumsIn, metadataOf, type Bucket, type Page, type PageRequest } from './bucket.ts'
import { damagedResponse, type Operation } from './bucket-errors.ts'
import type { GcsClient, GcsJson, GcsRequest, GcsResponse } from './gcs-client.ts'
import type { GcsUpload, GcsUploadRequest } from './gcs-upload.ts'
import { mayAlreadyExist, messageIn, responseError, unexpectedGcsResponse } from './gcs-errors.ts'
import type { Admit, ObjectMeta, ObjectStart, StoredObject } from './object-store.ts'

/** Statuses of an upload that may mean that the object already exists. */
const existsStatuses: readonly number[] = [403, 409, 412]
/** Separates the parts of an upload. It is random, so no content has it. */
const boundary = randomUUID()

interface Listing {
  readonly items?: readonly { readonly name: string }[]
  readonly nextPageToken?: string
}

export class GcsBucket implements Bucket {
  readonly url: string
  seenAt = -Infinity
  readonly #bucket: string
  readonly #client: GcsClient
  readonly #upload: GcsUpload | undefined

  /** @param upload sends the uploads. Default: the client library sends them. */
  constructor (bucket: string, client: GcsClient, upload?: GcsUpload) {
    this.url = `gs://${bucket}`
    this.#bucket = bucket
    this.#client = client
    this.#upload = upload
  }

  async create (name: string, body: Buffer, meta: ObjectMeta): Promise<AlertStreamError | undefined> {
    const operation = { action: 'write the object', where: this.#where(name) }
    const checksum = base64Crc32c(body)
    const request = this.#uploadOf(name, body, meta, checksum)
    const response = await (this.#upload ?? this.#client).json({ ...request, ...operation })
    if (!mayAlreadyExist(response)) {
      if (response.status === 403) throw responseError(response, operation)
      if (response.body['crc32c'] !== checksum) await this.#discardIfDamaged(name, body, checksum, response.body)
      // The service computes the checksum from the bytes that it has received, so no socket still has to send any of them.
      else freeOwn(request.body)
      this.seenAt = performance.now()
      return undefined
    }
    // If there is no object to replace, 403 means that the permission to create objects is missing.
    if (response.status === 403) return responseError(response, operation)
    return storeErrors.STORE_UNAVAILABLE('the object existed, but was deleted before it could be compared', { where: operation.where })
  }

  #uploadOf (name: string, body: Buffer, meta: ObjectMeta, checksum: string): Omit<GcsUploadRequest, keyof Operation> {
    const { contentType } = meta
    const resource = JSON.stringify({ contentType, crc32c: checksum, metadata: metadataOf(meta) })
    const head = Buffer.from(`--${boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n${resource}\r\n` +
      `--${boundary}\r\nContent-Type: ${contentType}\r\n\r\n`)
    const end = Buffer.from(`\r\n--${boundary}--`)
    const parts = allocateOwn(head.length + body.length + end.length)
    parts.set(head)
    parts.set(body, head.length)
    parts.set(end, head.length + body.length)
    return {
      method: 'POST',
      uri: `${this.#client.uploads}/b/${this.#bucket}/o`,
      query: { uploadType: 'multipart', name, ifGenerationMatch: 0, fields: 'crc32c,generation' },
      expected: existsStatuses,
      headers: { 'Content-Type': `multipart/related; boundary=${boundary}` },
      body: parts
    }
  }

  // Called if the response does not have the checksum of the upload. Cloud Storage itself rejects damaged uploads; other stores may not.
  // Keeps an intact object. If the object is damaged, deletes the uploaded generation, because a retry would otherwise find a conflict.
  async #discardIfDamaged (name: string, body: Buffer, checksum: string, { crc32c: stored, generation }: GcsJson): Promise<void> {
    const where = this.#where(name)
    if (typeof generation !== 'string' || typeof stored !== 'string') throw unexpectedGcsResponse({ action: 'write the object', where })
    const existing = await this.read(name, 'read the object just written')
    if (existing?.body.equals(body) === true) return
    await this.#client.json({
      method: 'DELETE', uri: this.#object(name), query: { ifGenerationMatch: generation }, expected: [404, 412],
      action: 'delete the damaged object', where
    })
    const what = `the object was stored with CRC32C ${stored} instead of ${checksum}, and was deleted`
    throw storeErrors.STORE_DAMAGED(what, { where })
  }

  async read (name: string, action: string, admit?: Admit): Promise<StoredObject | undefined> {
    const operation = { action, where: this.#where(name) }
    const { status, headers, body } = await this.#client.bytes({ ...this.#download(name), expected: [404], admit, ...operation })
    if (status === 404) return this.#absent(body, operation)
    const expected = /(?:^|[\s,])crc32c=([A-Za-z0-9+/]{6}==)/.exec(headers['x-goog-hash'] ?? '')?.[1]
    if (expected === undefined) throw unexpectedGcsResponse(operation)
    const actual = base64Crc32c(body)
    if (actual !== expected) throw damagedResponse(operation, body, { kind: 'CRC32C', actual, expected })
    this.seenAt = performance.now()
    return { body, ...checksumsInHeaders(headers) }
  }

  async readStart (name: string, bytes: number): Promise<ObjectStart | undefined> {
    const operation = { action: 'read the start of the object', where: this.#where(name) }
    const download = this.#download(name, { Range: `bytes=0-${bytes - 1}` })
    const admit = (received: number): void => {
      if (received > bytes) throw unexpectedGcsResponse(operation)
    }
    const { status, headers, body } = await this.#client.bytes({ ...download, expected: [404, 416], admit, ...operation })
    if (status === 404) return this.#absent(body, operation)
    // Only an empty object has no first byte.
    if (status === 416) return { start: Buffer.alloc(0), size: 0, ...checksumsInHeaders(headers) }
    const size = status === 206 ? Number(/^bytes 0-\d+\/(\d+)$/.exec(headers['content-range'] ?? '')?.[1]) : body.length
    if (body.length !== Math.min(bytes, size)) throw unexpectedGcsResponse(operation)
    this.seenAt = performance.now()
    return { start: body, size, ...checksumsInHeaders(headers) }
  }

  #download (name: string, headers?: GcsRequest['headers']): Omit<GcsRequest, keyof Operation> {
    // Without "Accept-Encoding: gzip", the store decompresses objects with "Content-Encoding: gzip".
    const common = { 'Accept-Encoding': 'gzip', 'Cache-Control': 'no-store' }
    return { uri: this.#object(name), query: { alt: 'media' }, headers: { ...common, ...headers } }
  }

  // 404 means that the object or the bucket is missing.
  #absent (body: Buffer, operation: Operation): undefined {
    const response = { status: 404, body: body.toString() }
    if (/bucket does not exist/i.test(messageIn(response))) throw responseError(response, operation)
    return undefined
  }

  async page ({ prefix, from, before, max, token }: PageRequest): Promise<Page> {
    const operation = { action: 'list the bucket', where: this.url }
    const { body } = await this.#client.json({
      uri: `b/${this.#bucket}/o`,
      query: {
        prefix, maxResults: max, fields: 'kind,items/name,nextPageToken',
        ...from === undefined ? {} : { startOffset: from },
        ...before === undefined ? {} : { endOffset: before },
        ...token === undefined ? {} : { pageToken: token }
      },
      ...operation
    })
    if (body['kind'] !== 'storage#objects') throw unexpectedGcsResponse(operation)
    this.seenAt = performance.now()
    const { items = [], nextPageToken = '' } = body as Listing
    return { names: items.map(({ name }) => name), next: nextPageToken === '' ? undefined : nextPageToken }
  }

  abort (): void {
    this.#upload?.abort()
    this.#client.abort()
  }

  #object (name: string): string {
    return `b/${this.#bucket}/o/${encodeURIComponent(name)}`
  }

  #where (name: string): string {
    return `${this.url}/${name}`
  }
}

/** Downloads through the JSON API may omit the metadata. */
function checksumsInHeaders (headers: GcsResponse<Buffer>['headers']): ReturnType<typeof checksumsIn> {
  return checksumsIn(name => headers[`x-goog-meta-${name}`])
}
