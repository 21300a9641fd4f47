// One bucket of the null store: records the name, size and checksums of each object, and keeps no data. The store can throttle uploads by
// key range, as buckets do: a key range is the name of an object up to its last slash.
import { gunzipSync, crc32 } from 'node:zlib'
import { crc32c } from '../src/stores/index.ts'

export interface BucketSettings {
  readonly bucket: string
  /** Time until the store responds to an upload. */
  readonly delayMs?: number
  /** Uploads per second and key range above which the store responds with 429. Default: no limit. */
  readonly putsPerSecond?: number
  /** Numbers of objects at which the store sends a message. */
  readonly marks?: readonly number[]
}

export interface BucketReport {
  /** Gzipped objects with different names. Other objects, such as schemas, are not counted. */
  readonly objects: number
  /** Uploads of a name that existed. */
  readonly repeated: number
  readonly throttled: number
  /** Stored bytes of the objects. */
  readonly bytes: number
  /** Decompressed bytes, from the gzip trailers. */
  readonly frameBytes: number
  /** Sum of the CRC-32 of the decompressed objects, from the gzip trailers. */
  readonly crcSum: number
  /** Sum of the CRC-32 of the names of the objects. */
  readonly nameSum: number
  /** Uploads whose CRC32C differs from the announced one, or that do not decompress. */
  readonly damaged: number
}

interface Upload {
  readonly name: string
  readonly content: Buffer
  /** CRC32C in base64, as the upload announces it. */
  readonly announced: string | undefined
}

/** One of this number of objects is decompressed. */
const sample = 50
const gzipTrailerBytes = 8

export class NullBucket {
  readonly #settings: BucketSettings
  readonly #onMark: (objects: number) => void
  readonly #names = new Set<string>()
  readonly #allowances = new Map<string, { left: number, at: number }>()
  readonly #report = { objects: 0, repeated: 0, throttled: 0, bytes: 0, frameBytes: 0, crcSum: 0, nameSum: 0, damaged: 0 }

  constructor (settings: BucketSettings, onMark: (objects: number) => void = () => {}) {
    this.#settings = settings
    this.#onMark = onMark
  }

  get delayMs (): number {
    return this.#settings.delayMs ?? 0
  }

  get report (): BucketReport {
    return { ...this.#report }
  }

  /** Whether an upload to the key range of `name` is allowed now. */
  admit (name: string, now = performance.now()): boolean {
    const { putsPerSecond } = this.#settings
    if (putsPerSecond === undefined) return true
    const range = name.slice(0, name.lastIndexOf('/') + 1)
    const { left, at } = this.#allowances.get(range) ?? { left: putsPerSecond, at: now }
    const allowance = Math.min(putsPerSecond, left + (now - at) / 1000 * putsPerSecond)
    const admitted = allowance >= 1
    this.#allowances.set(range, { left: admitted ? allowance - 1 : allowance, at: now })
    if (!admitted) this.#report.throttled++
    return admitted
  }

  /** Checks and counts an upload. Returns its CRC32C in base64, and whether the name is new. */
  put ({ name, content, announced }: Upload): { readonly checksum: string, readonly created: boolean } {
    const checksum = Buffer.alloc(4)
    checksum.writeUInt32BE(crc32c(content))
    const result = { checksum: checksum.toString('base64'), created: !this.#names.has(name) }
    if (announced !== undefined && announced !== result.checksum) this.#report.damaged++
    if (!result.created) this.#report.repeated++
    else if (content.length > gzipTrailerBytes && content.readUInt16BE(0) === 0x1f8b) this.#count(name, content)
    return result
  }

  #count (name: string, content: Buffer): void {
    this.#names.add(name)
    const report = this.#report
    const crc = content.readUInt32LE(content.length - gzipTrailerBytes)
    if (report.objects % sample === 0 && !decompresses(content, crc)) report.damaged++
    report.objects++
    report.bytes += content.length
    report.frameBytes += content.readUInt32LE(content.length - 4)
    report.crcSum += crc
    report.nameSum += crc32(name)
    if (this.#settings.marks?.includes(report.objects) === true) this.#onMark(report.objects)
  }
}

function decompresses (content: Buffer, crc: number): boolean {
  try {
    return crc32(gunzipSync(content)) === crc
  } catch {
    return false
  }
}

/** Parses the multipart body of an upload through the JSON API of Cloud Storage: metadata in JSON, then the content. */
export function parseMultipart (body: Buffer, contentType: string): Omit<Upload, 'name'> & { readonly name: string | undefined } {
  const boundary = /boundary="?([^";]+)"?/.exec(contentType)?.[1]
  const metadataAt = body.indexOf('\r\n\r\n') + 4
  const metadataEnd = body.indexOf(`\r\n--${boundary}`, metadataAt)
  const contentAt = body.indexOf('\r\n\r\n', metadataEnd) + 4
  const contentEnd = body.lastIndexOf(`\r\n--${boundary}--`)
  if (boundary === undefined || metadataAt < 4 || metadataEnd < 0 || contentAt < 4 || contentEnd < contentAt) {
    throw new Error('the upload is not a multipart body')
  }
  const { name, crc32c: announced } = JSON.parse(body.toString('utf8', metadataAt, metadataEnd)) as Record<string, string | undefined>
  return { name, announced, content: body.subarray(contentAt, contentEnd) }
}
