// Runs native encoders concurrently. Each encoder and its output buffer serve one frame at a time and are used again, so a compression
// allocates nothing.
import { Slots } from '../pipeline/slots.ts'
import type { Compressor } from './compressor.ts'

/** The state of a library for one compression at a time. */
export interface Encoder {
  /** Maximum length of the gzip of a frame of this length. */
  maxBytes (frameBytes: number): number
  /** Compresses the frame and resolves to the length of its gzip, which is at the beginning of `output`. */
  encode (frame: Buffer, output: Buffer): Promise<number>
}

/** Length of a reused output buffer. Longer frames, which are rare, get a buffer of their own. Only the used pages occupy memory. */
const REUSED_BYTES = 1024 * 1024

/**
 * Returns a function that compresses at most `threads` frames concurrently. Further frames wait in order.
 * @param open opens an encoder. Called on first use, at most `threads` times.
 */
export function encoderPool (threads: number, open: () => Encoder): Compressor['gzip'] {
  const slots = new Slots(threads)
  const idle: Array<{ readonly encoder: Encoder, readonly output: Buffer }> = []
  return (frame, finish) => slots.run(async () => {
    const slot = idle.pop() ?? { encoder: open(), output: Buffer.allocUnsafeSlow(REUSED_BYTES) }
    try {
      const needed = slot.encoder.maxBytes(frame.length)
      const output = needed <= REUSED_BYTES ? slot.output : Buffer.allocUnsafeSlow(needed)
      const length = await slot.encoder.encode(frame, output)
      return finish(output.subarray(0, length))
    } finally {
      idle.push(slot)
    }
  })
}
