// Uploads objects to S3 over our own connections, with endpoint, credentials and signature from the AWS SDK. Like that of the SDK, the
// signature covers the SHA-256 of the body: some bucket policies deny unsigned payloads.
import { hash } from 'node:crypto'
import { Agent } from 'undici'
import type { Operation } from './bucket-errors.ts'
import type { S3Connection, S3Object, S3Stored, S3Target } from './s3-connection.ts'
import { areCredentialsExpired, isClockSkewed, mayAlreadyExist, s3Error, type SdkError } from './s3-errors.ts'
import { connectionOptions, UploadClient, type SendUpload, type UploadResponse } from './upload-client.ts'

export class S3Upload {
  readonly #connection: S3Connection
  readonly #uploads: UploadClient
  /** Time of the service minus time of this host, in milliseconds. Zero until the service rejects a signature because of its time. */
  #clockOffset = 0
  #target: Promise<S3Target | undefined> | undefined

  constructor (connection: S3Connection, requestMs: number) {
    this.#connection = connection
    this.#uploads = new UploadClient(new Agent(connectionOptions), requestMs)
  }

  /** Puts an object like `S3Connection.put`. */
  async put (operation: Operation, object: S3Object): Promise<S3Stored | 'exists'> {
    try {
      const target = await this.#targetOf(object.bucket)
      if (target === undefined) return await this.#connection.put(operation, object)
      return await this.#uploads.run(operation, async send => storedBy(await this.#authorized(operation, target, object, send)))
    } catch (error) {
      if (object.conditional && mayAlreadyExist(error)) return 'exists'
      throw s3Error(error, operation)
    }
  }

  async #targetOf (bucket: string): Promise<S3Target | undefined> {
    this.#target ??= this.#connection.target(bucket).catch((error: unknown) => {
      this.#target = undefined
      throw error
    })
    return await this.#target
  }

  // If the service rejects credentials that have not expired, fresh credentials are tried once.
  async #authorized (operation: Operation, target: S3Target, object: S3Object, send: SendUpload): Promise<UploadResponse> {
    const rejected = await this.#connection.credentials(operation)
    try {
      return await this.#send(send, target, object)
    } catch (error) {
      if (!areCredentialsExpired(error)) throw error
      const { accessKeyId, sessionToken } = await this.#connection.credentials(operation, { forceRefresh: true })
      if (accessKeyId === rejected.accessKeyId && sessionToken === rejected.sessionToken) throw error
      return await this.#send(send, target, object)
    }
  }

  async #send (send: SendUpload, { url, sign }: S3Target, object: S3Object): Promise<UploadResponse> {
    const { name, body, crc32c, contentType, metadata, conditional } = object
    const path = `${url.pathname.replace(/\/$/, '')}/${name.split('/').map(escapeUri).join('/')}`
    const headers: Record<string, string> = {
      host: url.host,
      'content-type': contentType,
      'x-amz-content-sha256': hash('sha256', body),
      'x-amz-sdk-checksum-algorithm': 'CRC32C',
      'x-amz-checksum-crc32c': crc32c
    }
    for (const [field, value] of Object.entries(metadata)) headers[`x-amz-meta-${field}`] = value
    if (conditional) headers['if-none-match'] = '*'
    const request = { protocol: url.protocol, hostname: url.hostname, method: 'PUT', path, query: {}, headers }
    const signed = await sign(request, new Date(Date.now() + this.#clockOffset))
    const response = await send({ origin: url.origin, path, method: 'PUT', headers: { ...signed, 'user-agent': 'alert-stream' }, body })
    if (response.status >= 200 && response.status <= 299) return response
    const error = sdkErrorOf(response)
    if (isClockSkewed(error)) this.#clockOffset = Date.parse(response.headers['date'] ?? '') - Date.now() || 0
    throw error
  }

  abort (): void {
    this.#uploads.abort()
  }
}

function storedBy ({ headers }: UploadResponse): S3Stored {
  return {
    ETag: headers['etag'],
    ChecksumCRC32C: headers['x-amz-checksum-crc32c'],
    ServerSideEncryption: headers['x-amz-server-side-encryption'],
    SSECustomerAlgorithm: headers['x-amz-server-side-encryption-customer-algorithm'],
    VersionId: headers['x-amz-version-id']
  }
}

/** The error that the SDK would have thrown for this response. */
function sdkErrorOf ({ status, body }: UploadResponse): Error & SdkError {
  const element = (name: string): string | undefined => {
    const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(body)?.[1]
    return text?.replace(/&(lt|gt|quot|apos|amp);/g, (_, entity: keyof typeof entities) => entities[entity])
  }
  const Code = element('Code')
  const error = new Error(element('Message') ?? '')
  return Object.assign(error, { name: Code ?? 'Error', $metadata: { httpStatusCode: status }, ...Code === undefined ? {} : { Code } })
}

const entities = { lt: '<', gt: '>', quot: '"', apos: '\'', amp: '&' }

/** Encodes a part of a path as AWS does, for the signature and for the request. */
function escapeUri (text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, character => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
}
