// Reads an archived alert and verifies all that its object says about itself: the frame against the gzip trailer, the checksums in the
// metadata and the SHA-256 in the provenance, and the alert id in the frame against the id in the key.
import { readFirstLong } from '../avro/datum.ts'
import { parseFrame } from '../avro/wire-format.ts'
import { errorCode, messageOf } from '../pipeline/errors.ts'
import type { Archive } from '../stores/archive.ts'
import { verifiedFrame, type ReadObject } from '../stores/archived-object.ts'
import { checksumsOf, type Checksums } from '../stores/checksums.ts'
import { storeErrors } from '../stores/errors.ts'
import { readProvenance, type Provenance } from './provenance.ts'

export interface VerifiedAlert {
  readonly frame: Buffer
  readonly checksums: Checksums
  readonly schemaId: number
  /** The Avro datum, a view of the frame. */
  readonly datum: Buffer
  /** Undefined if the object has no provenance, or damaged or unknown provenance, which says nothing about the frame. */
  readonly provenance: Provenance | undefined
}

/** What is known about the object of a frame. */
interface FrameObject {
  /** The id in the key of the object. */
  readonly id: string
  /** Whether the object is the gzip of a frame. */
  readonly compressed: boolean
}

/** Rejects with OBJECT_CORRUPT or OBJECT_TOO_LARGE. */
export async function verifiedAlert (object: ReadObject, expected: FrameObject, maxFrameBytes: number): Promise<VerifiedAlert> {
  return compared(await verifiedFrame(object, expected.compressed, maxFrameBytes), object, expected)
}

/** Rejects with OBJECT_CORRUPT (also if the alert is not archived), OBJECT_TOO_LARGE or STORE_*. */
export async function verifiedAlertOf (archive: Pick<Archive, 'findAlert'>, id: string): Promise<VerifiedAlert> {
  const stored = await archive.findAlert(id)
  if (stored === undefined) throw storeErrors.OBJECT_CORRUPT('the object was deleted after it had been listed', { where: `alert ${id}` })
  return compared(await stored.frame(), stored, { id, compressed: stored.compressed })
}

function compared (frame: Buffer, { body, where }: Pick<ReadObject, 'body' | 'where'>, { id, compressed }: FrameObject): VerifiedAlert {
  const message = parsed(frame, id, where)
  const checksums = checksumsOf(frame)
  const provenance = compressed ? provenanceOf(body) : undefined
  if (provenance === undefined || provenance.sha256 === checksums.sha256) return { frame, ...message, checksums, provenance }
  const what = `the frame has SHA-256 ${checksums.sha256}, but the provenance of the object says ${provenance.sha256}`
  throw storeErrors.OBJECT_CORRUPT(what, { where })
}

function parsed (frame: Buffer, id: string, where: string): Pick<VerifiedAlert, 'schemaId' | 'datum'> {
  let actual: bigint
  let result: ReturnType<typeof parseFrame>
  try {
    result = parseFrame(frame)
    actual = readFirstLong('an alert', 'the alert id', result.datum)
  } catch (cause) {
    throw storeErrors.OBJECT_CORRUPT(`the object does not hold an alert: ${messageOf(cause)}`, { where, cause })
  }
  if (String(actual) !== id) throw storeErrors.OBJECT_CORRUPT(`the object holds the alert ${actual}`, { where })
  return result
}

function provenanceOf (body: Buffer): Provenance | undefined {
  try {
    return readProvenance(body)
  } catch (error) {
    if (errorCode(error).startsWith('PROVENANCE_')) return undefined
    throw error
  }
}
