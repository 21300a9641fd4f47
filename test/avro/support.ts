// Frames for tests.
import { frameHeaderLength, writeFrameHeader } from '../../src/avro/wire-format.ts'

/** A Confluent frame: the header, then the datum. */
export function encodeFrame (schemaId: number, datum: Buffer): Buffer {
  const header = Buffer.alloc(frameHeaderLength)
  writeFrameHeader(header, schemaId)
  return Buffer.concat([header, datum])
}
