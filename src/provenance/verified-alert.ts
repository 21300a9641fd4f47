// Reads an archived alert and verifies it: the frame is inflated and compared with the checksums in the metadata and with the SHA-256 in
// the provenance, and its alert id with the id in the key.
import { readFirstLong } from '../avro/datum.ts'
import { parseFrame } from '../avro/wire-format.ts'
import { errorCode, messageOf } from '../pipeline/errors.ts'
import type { Archive } from '../stores/archive.ts'
import { sha256 } from '../stores/checksums.ts'
import { storeErrors } from '../stores/errors.ts'
import { readProvenance, type Provenance } from './provenance.ts'

export interface VerifiedAlert {
  readonly frame: Buffer
  readonly schemaId: number
  /** The Avro datum, a view of the frame. */
  readonly datum: Buffer
  /** Undefined if the object has no provenance, or damaged or unknown provenance, which says nothing about the frame. */
  readonly provenance: Provenance | undefined
}

/** Rejects with OBJECT_CORRUPT (also if the alert is not archived), OBJECT_TOO_LARGE or STORE_*. */
export async function verifiedAlert (archive: Pick<Archive, 'findAlert'>, id: string): Promise<VerifiedAlert> {
  const stored = await archive.findAlert(id)
  if (stored === undefined) throw storeErrors.OBJECT_CORRUPT('the object was deleted after it had been listed', { where: `alert ${id}` })
  const { where, body, compressed } = stored
  const frame = await stored.frame()
  const { schemaId, datum } = parsed(frame, id, where)
  const provenance = compressed ? provenanceOf(body) : undefined
  if (provenance === undefined) return { frame, schemaId, datum, provenance }
  const hash = sha256(frame)
  if (hash === provenance.sha256) return { frame, schemaId, datum, provenance }
  const what = `the frame has SHA-256 ${hash}, but the provenance of the object says ${provenance.sha256}`
  throw storeErrors.OBJECT_CORRUPT(what, { where })
}

function parsed (frame: Buffer, id: string, where: string): { readonly schemaId: number, readonly datum: Buffer } {
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
