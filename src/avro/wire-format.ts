// Confluent wire format: magic byte 0x00, the schema id (4 bytes, unsigned, big-endian), then one Avro binary datum.
// DMTN-210 specifies a little-endian id, but the survey's stream and all clients use big-endian.
import { frameErrors } from './errors.ts'

/** Length in bytes of the header before the datum. */
export const frameHeaderLength = 5

export interface Frame {
  /** 0 to 2^32-1. */
  readonly schemaId: number
  /** A view into the frame. Copy the datum to keep it longer than the frame. */
  readonly datum: Buffer
}

/** Writes the 5 header bytes at the start of `target`. Throws RangeError if the id is not an unsigned 32-bit integer. */
export function writeFrameHeader (target: Buffer, schemaId: number): void {
  if (!Number.isInteger(schemaId) || schemaId < 0 || schemaId > 0xffffffff) {
    throw new RangeError(`a schema id is an unsigned 32-bit integer, not ${schemaId}`)
  }
  target[0] = 0
  target.writeUInt32BE(schemaId, 1)
}

/** Splits a frame without copying. Errors: FRAME_EMPTY, FRAME_TOO_SHORT, FRAME_BAD_MAGIC; none is retryable. */
export function parseFrame (frame: Buffer): Frame {
  if (frame.length === 0) throw frameErrors.FRAME_EMPTY('the message is empty (0 bytes)')
  if (frame[0] !== 0) {
    const seen = `0x${frame[0]!.toString(16).padStart(2, '0')}`
    throw frameErrors.FRAME_BAD_MAGIC(`the message of ${frame.length} bytes begins with ${seen}, not with the magic byte 0x00`)
  }
  if (frame.length < frameHeaderLength) {
    throw frameErrors.FRAME_TOO_SHORT(`the message has ${frame.length} bytes, but a frame has at least ${frameHeaderLength}`)
  }
  return { schemaId: frame.readUInt32BE(1), datum: frame.subarray(frameHeaderLength) }
}
