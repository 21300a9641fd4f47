// Frees the memory of fetch responses early: a chunk in which response bytes arrived is freed when the last batch with bytes in it has been
// read. The first and the last chunk of a response may also hold bytes of other responses, so they are left to the garbage collector. So
// are all chunks of a batch that is dropped unread.
import { free } from '../pipeline/own-memory.ts'
import type { RecordBatch } from './record-batch.ts'
import type { Chunks } from './response-reader.ts'

/** Number of unread batches with bytes in a chunk, by the memory of the chunk. */
const unread = new WeakMap<ArrayBufferLike, number>()

/** Registers the batches of a response. Must be called before `releaseBatch`, with all batches of the response. */
export function retainBatches (response: Chunks, batches: readonly RecordBatch[]): void {
  for (const chunk of response.buffers) if (fills(chunk)) unread.set(chunk.buffer, 0)
  for (const { checked } of batches) {
    for (const { buffer } of checked.buffers) {
      const count = unread.get(buffer)
      if (count !== undefined) unread.set(buffer, count + 1)
    }
  }
}

/** Must be called at most once per batch, when nothing refers to its bytes any more. */
export function releaseBatch ({ checked }: RecordBatch): void {
  for (const { buffer } of checked.buffers) {
    const count = unread.get(buffer)
    if (count === undefined) continue
    unread.set(buffer, count - 1)
    if (count > 1) continue
    unread.delete(buffer)
    free(buffer as ArrayBuffer)
  }
}

/** Whether a chunk is all of its memory, which then holds no bytes of another response. */
function fills ({ buffer, byteLength }: Uint8Array): boolean {
  return byteLength === buffer.byteLength
}
