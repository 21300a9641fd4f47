// Sends requests to S3 through the AWS SDK, which provides credentials, endpoint and signatures. Each request has a deadline; failures are
// STORE_* errors. The SDK's retries are off, because the pipeline retries. Its checksums are off too, because the SDK would send them as
// trailers, which older Ceph rejects.
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import type { Readable } from 'node:stream'
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { getEndpointFromInstructions } from '@smithy/core/endpoints'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import type { Operation } from './bucket-errors.ts'
import type { Admit } from './object-store.ts'
import { RequestDeadlines } from './request-deadlines.ts'
import type { StoredChecksums } from './s3-checksums.ts'
import { credentialsError, mayAlreadyExist, s3Error } from './s3-errors.ts'

export interface S3Settings {
  /** URL of a service other than AWS. Implies `pathStyle`. Default: AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, otherwise AWS. */
  readonly endpoint?: string | undefined
  /** Default: us-east-1 with `endpoint`, otherwise AWS_REGION or the region of the profile. */
  readonly region?: string | undefined
  /** Whether the bucket is part of the path of a URL instead of the host name. */
  readonly pathStyle?: boolean | undefined
  /** Default: the credential chain of the SDK. */
  readonly credentials?: { readonly accessKeyId: string, readonly secretAccessKey: string } | undefined
}

/** An object to put. */
export interface S3Object {
  readonly bucket: string
  readonly name: string
  readonly body: Buffer
  /** CRC32C of the body, in base64. */
  readonly crc32c: string
  readonly contentType: string
  readonly metadata: Record<string, string>
  /** Whether to send "If-None-Match: *". */
  readonly conditional: boolean
}

/** What the response to a put says about the stored object. */
export interface S3Stored extends StoredChecksums {
  readonly VersionId?: string | undefined
}

/** Where the objects of a bucket are, and how requests to them are signed. */
export interface S3Target {
  /** URL of the bucket. */
  readonly url: URL
  /** Resolves to the headers of the request, with a signature that is valid around `date`. */
  sign (request: UnsignedRequest, date: Date): Promise<Readonly<Record<string, string>>>
}

type Signer = Awaited<ReturnType<S3Client['config']['signer']>>
type UnsignedRequest = Parameters<Signer['sign']>[0]
type Credentials = Awaited<ReturnType<S3Client['config']['credentials']>>

type Send<T> = (client: S3Client, options: { readonly abortSignal: AbortSignal }) => Promise<T>

/** Maximum number of connections. It exceeds every number of concurrent writes, so that no request waits for a connection. */
const maxSockets = 1024

export class S3Connection {
  readonly #client: S3Client
  readonly #deadlines: RequestDeadlines

  /** @param requestMs deadline of a request, from its start to the last byte of the response, in milliseconds */
  constructor ({ endpoint, region, pathStyle, credentials }: S3Settings, requestMs: number) {
    const sockets = { keepAlive: true, maxSockets }
    this.#deadlines = new RequestDeadlines(requestMs)
    this.#client = new S3Client({
      ...endpoint === undefined ? {} : { endpoint, region: 'us-east-1' },
      ...region === undefined ? {} : { region },
      ...credentials === undefined ? {} : { credentials },
      forcePathStyle: pathStyle === true || endpoint !== undefined,
      maxAttempts: 1,
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      // Otherwise an upload waits for an additional response before it sends its body.
      expectContinueHeader: false,
      customUserAgent: 'alert-stream',
      requestHandler: new NodeHttpHandler({ httpAgent: new HttpAgent(sockets), httpsAgent: new HttpsAgent(sockets) })
    })
    // Requests the checksums of objects. The SDK's own parameter would also make the SDK verify them, in slow JavaScript.
    this.#client.middlewareStack.add((next, { commandName }) => async args => {
      const { headers } = args.request as { readonly headers: Record<string, string> }
      if (commandName === 'GetObjectCommand') headers['x-amz-checksum-mode'] = 'ENABLED'
      return await next(args)
    }, { step: 'build', name: 'requestStoredChecksum' })
  }

  /** Sends requests within one deadline. If `recover` returns a value for an error of the SDK, the call resolves to that value. */
  async send<T> (operation: Operation, send: Send<T>, recover: (error: unknown) => T | undefined = () => undefined): Promise<T> {
    try {
      return await this.#deadlines.run(operation, async abortSignal => {
        await this.credentials(operation)
        return await send(this.#client, { abortSignal })
      })
    } catch (error) {
      const recovered = recover(error)
      if (recovered !== undefined) return recovered
      throw s3Error(error, operation)
    }
  }

  /** Puts an object. Resolves to 'exists' if the put is conditional and an object may exist already. */
  async put (operation: Operation, object: S3Object): Promise<S3Stored | 'exists'> {
    const { bucket, name, body, crc32c, contentType, metadata, conditional } = object
    const command = new PutObjectCommand({
      Bucket: bucket,
      Key: name,
      Body: body,
      ContentType: contentType,
      Metadata: metadata,
      ChecksumAlgorithm: 'CRC32C',
      ChecksumCRC32C: crc32c,
      ...conditional ? { IfNoneMatch: '*' } : {}
    })
    return await this.send<S3Stored | 'exists'>(operation, async (client, options) => await client.send(command, options),
      error => conditional && mayAlreadyExist(error) ? 'exists' : undefined)
  }

  /**
   * The credentials, which the SDK caches and renews before they expire. A separate call for them tells a failed login from a rejected
   * request to the bucket.
   */
  async credentials (operation: Operation, options?: { readonly forceRefresh: true }): Promise<Credentials> {
    return await this.#client.config.credentials(options).catch((error: unknown) => { throw credentialsError(error, operation) })
  }

  /** Undefined for a bucket whose requests need more than an ordinary signature, such as a directory bucket. */
  async target (bucket: string): Promise<S3Target | undefined> {
    const { config } = this.#client
    const { url, properties } = await getEndpointFromInstructions({ Bucket: bucket }, PutObjectCommand, { ...config })
    const [scheme] = properties?.['authSchemes'] as ReadonlyArray<{ readonly name: string }> | undefined ?? []
    if (scheme?.name !== 'sigv4') return undefined
    const signer = await config.signer(scheme as Parameters<typeof config.signer>[0])
    return { url, sign: async (request, signingDate) => (await signer.sign(request, { signingDate })).headers }
  }

  /** Ends all requests in flight. Their calls reject, and all later calls reject too. */
  abort (): void {
    this.#deadlines.close()
  }
}

/**
 * Reads the body of a response. `admit` is called with the announced size before the first byte, and with the received size if that is
 * larger. If `admit` throws, the connection is closed. If the signal aborts, the call rejects.
 */
export async function readBody (
  response: { readonly Body?: unknown, readonly ContentLength?: number | undefined }, signal: AbortSignal, admit?: Admit
): Promise<Buffer> {
  const body = response.Body as Readable | undefined
  if (body === undefined) return Buffer.alloc(0)
  const stop = (): void => { body.destroy(new Error('the request was aborted')) }
  signal.addEventListener('abort', stop)
  try {
    const announced = response.ContentLength ?? 0
    admit?.(announced)
    const chunks: Buffer[] = []
    let received = 0
    for await (const chunk of body) {
      chunks.push(chunk as Buffer)
      received += (chunk as Buffer).length
      if (received > announced) admit?.(received)
    }
    return Buffer.concat(chunks)
  } finally {
    signal.removeEventListener('abort', stop)
    body.destroy()
  }
}
