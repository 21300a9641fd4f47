// Confluent wire format: byte 0 is 0x00, bytes 1-4 are the schema id, unsigned and big-endian, then comes one Avro binary datum.
// (DMTN-210 calls the id little-endian; the real stream and every client are big-endian.) Parsing copies nothing.
import { frameErrors } from './errors.ts'

/** Bytes before the datum. */
export const frameHeaderLength = 5

export interface Frame {
  /** 0 ... 2^32-1 */
  readonly schemaId: number
  /** A view into the frame: copy it if it has to outlive the frame. */
  readonly datum: Buffer
}

/** Writes the five bytes of the header at the beginning of `target`. */
export function writeFrameHeader (target: Buffer, schemaId: number): void {
  if (!Number.isInteger(schemaId) || schemaId < 0 || schemaId > 0xffffffff) {
    throw new RangeError(`a schema id is an unsigned 32-bit integer, not ${schemaId}`)
  }
  target[0] = 0
  target.writeUInt32BE(schemaId, 1)
}

/** Puts the header before a datum, in one new buffer. */
export function encodeFrame (schemaId: number, datum: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(frameHeaderLength + datum.length)
  writeFrameHeader(frame, schemaId)
  datum.copy(frame, frameHeaderLength)
  return frame
}

/** Splits a frame. Errors: FRAME_EMPTY, FRAME_TOO_SHORT, FRAME_BAD_MAGIC; none is retryable. */
export function parseFrame (frame: Buffer): Frame {
  if (frame.length === 0) throw frameErrors.FRAME_EMPTY('the message is empty (0 bytes)')
  if (frame[0] !== 0) {
    const seen = `0x${frame[0]!.toString(16).padStart(2, '0')}`
    throw frameErrors.FRAME_BAD_MAGIC(`the message of ${frame.length} bytes begins with ${seen}, not with the magic byte 0x00`)
  }
  if (frame.length < frameHeaderLength) {
    throw frameErrors.FRAME_TOO_SHORT(`the message has ${frame.length} bytes, a frame has at least ${frameHeaderLength} (first byte 0x00)`)
  }
  return { schemaId: frame.readUInt32BE(1), datum: frame.subarray(frameHeaderLength) }
}
