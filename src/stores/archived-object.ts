// Verifies the content of archived objects: frames against the gzip trailer, and every content against the SHA-256 in the metadata of its
// object (older objects: CRC32C), if there is any.
import { compactJson } from '../avro/schema-json.ts'
import { checksumsOf, sha256 } from './checksums.ts'
import { crc32c, hex32 } from './crc32c.ts'
import { storeErrors } from './errors.ts'
import { inflateAsync } from './gzip.ts'
import type { ObjectMeta, StoredObject } from './object-store.ts'

/** An object that was read, with its store URL and key for error messages. */
export interface ReadObject extends StoredObject {
  readonly where: string
}

/**
 * Returns the frame of an alert. Rejects with OBJECT_CORRUPT or OBJECT_TOO_LARGE.
 * @param compressed whether the body is the gzip of the frame; otherwise it is the frame itself
 */
export async function verifiedFrame (object: ReadObject, compressed: boolean, maxFrameBytes: number): Promise<Buffer> {
  const { body, where } = object
  const frame = compressed ? await inflateAsync(body, where, maxFrameBytes) : body
  if (!compressed) assertFrame(object, maxFrameBytes)
  assertChecksum(object, frame, 'frame')
  return frame
}

/** Returns the text of a schema. Throws OBJECT_CORRUPT if it is not the JSON of a schema, which may have comments. */
export function verifiedSchema (object: ReadObject): string {
  assertChecksum(object, object.body, 'schema')
  try {
    const text = strictUtf8.decode(object.body)
    compactJson(text)
    return text
  } catch (cause) {
    throw storeErrors.OBJECT_CORRUPT('the schema is not JSON', { where: object.where, cause })
  }
}

/** Metadata of a schema. An object whose text differs only in whitespace and comments has the same content. */
export function schemaMeta (text: string): ObjectMeta {
  return {
    contentType: 'application/json',
    ...checksumsOf(Buffer.from(text)),
    same: existing => compactOrUnchanged(existing.toString()) === compactOrUnchanged(text)
  }
}

// Rejects bytes that would change when the text is encoded again: invalid sequences, and a byte order mark.
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Throws OBJECT_CORRUPT unless the content has the checksum in the metadata of its object, if there is one. */
function assertChecksum ({ sha256: expected, crc32c: expectedCrc, where }: ReadObject, content: Buffer, name: string): void {
  if (expected !== undefined) {
    const actual = sha256(content)
    if (actual === expected) return
    throw storeErrors.OBJECT_CORRUPT(`the ${name} has SHA-256 ${actual}, but the metadata of the object says ${expected}`, { where })
  }
  const actual = crc32c(content)
  if (expectedCrc === undefined || actual === expectedCrc) return
  const what = `the ${name} has CRC32C ${hex32(actual)}, but the metadata of the object says ${hex32(expectedCrc)}`
  throw storeErrors.OBJECT_CORRUPT(what, { where })
}

/** Throws unless the uncompressed object can be a frame: an empty object or one without the header is not an alert. */
function assertFrame ({ body, where }: ReadObject, maxFrameBytes: number): void {
  if (body.length > maxFrameBytes) throw storeErrors.OBJECT_TOO_LARGE(`the object has ${body.length} bytes`, { where })
  if (body.length < 6 || body[0] !== 0) throw storeErrors.OBJECT_CORRUPT('the uncompressed object is not a Confluent frame', { where })
}

function compactOrUnchanged (text: string): string {
  try {
    return compactJson(text)
  } catch {
    return text
  }
}
