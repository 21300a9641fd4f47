// The zlib that is part of Node, for machines without libdeflate and ISA-L.
import { Slots } from '../pipeline/slots.ts'
import { gzipFrame } from '../stores/gzip.ts'
import type { Compressor } from './compressor.ts'

/** Returns a function that compresses at most `threads` frames concurrently. */
export function zlibPool (threads: number, level: number): Compressor['gzip'] {
  const slots = new Slots(threads)
  return async (frame, finish) => finish(await slots.run(() => gzipFrame(frame, level)))
}
