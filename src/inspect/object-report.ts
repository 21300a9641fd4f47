// Examines one archived object: its frame, its provenance, and everything in which the two and the name of the object disagree.
import { readFirstLong } from '../avro/datum.ts'
import { parseFrame } from '../avro/wire-format.ts'
import { AlertStreamError, messageOf } from '../pipeline/errors.ts'
import { objectBytes, readProvenance, type Provenance } from '../provenance/provenance.ts'
import { sha256 } from '../stores/checksums.ts'
import { inflateAsync } from '../stores/gzip.ts'
import { gzipHeader } from '../stores/gzip-header.ts'

/** An object as it was read. */
export interface ReadObject {
  /** Path, URL, or store and key. */
  readonly where: string
  readonly body: Buffer
  /** Alert id that the name of the object states. */
  readonly expectedId?: string | undefined
  /** SHA-256 of the frame in the metadata of the object. */
  readonly expectedSha256?: string | undefined
}

interface FrameReport {
  readonly bytes: number
  readonly sha256: string
  /** Undefined if the bytes are not a frame. */
  readonly schemaId?: number | undefined
  readonly alertId?: string | undefined
  /** The Avro datum. */
  readonly datum?: Buffer | undefined
}

export interface ObjectReport {
  readonly where: string
  readonly objectBytes: number
  /** Whether the object is gzip. Rubin stored alerts without compression before November 2025. */
  readonly compressed: boolean
  readonly provenance: Provenance | undefined
  /** Undefined if the object cannot be inflated. */
  readonly frame: FrameReport | undefined
  /** What is wrong with the frame or contradicts it, in sentences. Empty if nothing is. */
  readonly frameProblems: readonly string[]
  /** What is wrong with the provenance alone. The frame can be intact. */
  readonly provenanceProblems: readonly string[]
}

/** Rejects with OBJECT_TOO_LARGE. @param maxFrameBytes longest frame that is inflated */
export async function examine (object: ReadObject, maxFrameBytes: number): Promise<ObjectReport> {
  const { where, body } = object
  const [frameProblems, provenanceProblems]: [string[], string[]] = [[], []]
  const header = gzipHeader(body)
  const provenance = await attempt(provenanceProblems, async () => readProvenance(body))
  // A frame begins with 0x00. Anything else must be gzip.
  const isGzip = header !== undefined || body[0] !== 0
  const content = isGzip ? await attempt(frameProblems, () => inflateAsync(body, where, maxFrameBytes)) : body
  const frame = content === undefined ? undefined : await frameReport(content, frameProblems)
  if (frame !== undefined) compareNames(object, frame, frameProblems)
  if (provenance !== undefined) {
    compareProvenance(provenance, frame, body, frameProblems)
    compareTime(provenance, header!.time, provenanceProblems)
  }
  return { where, objectBytes: body.length, compressed: header !== undefined, provenance, frame, frameProblems, provenanceProblems }
}

async function frameReport (content: Buffer, problems: string[]): Promise<FrameReport> {
  const bytes = { bytes: content.length, sha256: sha256(content) }
  const parsed = await attempt(problems, async () => parseFrame(content))
  if (parsed === undefined) return bytes
  const { schemaId, datum } = parsed
  const alertId = await attempt(problems, async () => readFirstLong('an alert', 'the alert id', datum).toString())
  return { ...bytes, schemaId, datum, alertId }
}

function compareNames ({ expectedId, expectedSha256 }: ReadObject, { alertId, sha256 }: FrameReport, problems: string[]): void {
  if (expectedId !== undefined && alertId !== undefined && alertId !== expectedId) {
    problems.push(`the object is named after alert ${expectedId}, but its frame has the id ${alertId}`)
  }
  if (expectedSha256 !== undefined && expectedSha256 !== sha256) {
    problems.push(`the frame has SHA-256 ${sha256}, but the metadata of the object say ${expectedSha256}`)
  }
}

function compareProvenance (provenance: Provenance, frame: FrameReport | undefined, body: Buffer, problems: string[]): void {
  const compare = (what: string, actual: number | string, stated: number | string): void => {
    if (actual !== stated) problems.push(`${what} ${actual}, but the provenance says ${stated}`)
  }
  compare('the size of the object is', body.length, objectBytes(provenance, body))
  if (frame !== undefined) {
    compare('the SHA-256 of the frame is', frame.sha256, provenance.sha256)
    compare('the length of the frame is', frame.bytes, provenance.frameBytes)
  }
}

function compareTime ({ record }: Provenance, time: number, problems: string[]): void {
  const stated = Math.floor(Number(record.timestamp) / 1000)
  // A timestamp out of the range of the header is stored as 0.
  if (time !== 0 && time !== stated) problems.push(`the time in the gzip header is ${time}, but the provenance says ${stated}`)
}

/** Adds the message of a failure to `problems`. Rejects with OBJECT_TOO_LARGE, because such an object can be intact. */
async function attempt<T> (problems: string[], action: () => Promise<T>): Promise<T | undefined> {
  try {
    return await action()
  } catch (error) {
    if (!(error instanceof AlertStreamError) || error.code === 'OBJECT_TOO_LARGE') throw error
    problems.push(messageOf(error))
    return undefined
  }
}
