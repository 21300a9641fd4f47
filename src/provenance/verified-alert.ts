// Reads an archived alert and verifies all that its object says about itself: the frame against the gzip trailer, the checksums in the
// metadata and the SHA-256 in the provenance, and the alert id in the frame against the id in the key.
import { readFirstLong } from '../avro/datum.ts'
import { parseFrame } from '../avro/wire-format.ts'
import { AlertStreamError, messageOf } from '../pipeline/errors.ts'
import { verifiedFrame, type ReadObject } from '../stores/archived-object.ts'
import { checksumsOf, type Checksums } from '../stores/checksums.ts'
import { storeErrors } from '../stores/errors.ts'
import { readProvenance } from './provenance.ts'

interface VerifiedAlert {
  readonly frame: Buffer
  readonly checksums: Checksums
}

/**
 * Rejects with OBJECT_CORRUPT or OBJECT_TOO_LARGE.
 * @param id the id in the key of the object
 * @param compressed whether the object is the gzip of a frame
 */
export async function verifiedAlert (
  object: ReadObject, { id, compressed }: { readonly id: string, readonly compressed: boolean }, maxFrameBytes: number
): Promise<VerifiedAlert> {
  const frame = await verifiedFrame(object, compressed, maxFrameBytes)
  assertAlertId(frame, id, object.where)
  const checksums = checksumsOf(frame)
  if (compressed) assertProvenance(object, checksums.sha256)
  return { frame, checksums }
}

function assertAlertId (frame: Buffer, id: string, where: string): void {
  let actual: bigint
  try {
    actual = readFirstLong('an alert', 'the alert id', parseFrame(frame).datum)
  } catch (cause) {
    throw storeErrors.OBJECT_CORRUPT(`the object does not hold an alert: ${messageOf(cause)}`, { where, cause })
  }
  if (String(actual) !== id) throw storeErrors.OBJECT_CORRUPT(`the object holds the alert ${actual}`, { where })
}

function assertProvenance ({ body, where }: ReadObject, sha256: string): void {
  let stated: string | undefined
  try {
    stated = readProvenance(body)?.sha256
  } catch (error) {
    // Damaged or unknown provenance says nothing about the frame, which is verified.
    if (!(error instanceof AlertStreamError)) throw error
  }
  if (stated === undefined || stated === sha256) return
  throw storeErrors.OBJECT_CORRUPT(`the frame has SHA-256 ${sha256}, but the provenance of the object says ${stated}`, { where })
}
