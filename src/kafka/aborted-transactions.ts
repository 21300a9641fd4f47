// Detects batches of aborted transactions, as the Java client does. A transaction ends at the abort marker of its producer.
import { BatchError } from './batch-errors.ts'
import { BatchMemory, BatchRecords } from './batch-records.ts'
import type { AbortedTransaction } from './fetch-response.ts'
import { IS_CONTROL, IS_TRANSACTIONAL, lastOffset, type RecordBatch } from './record-batch.ts'

const ABORT_MARKER = 0
const MAX_MARKER_BYTES = 1024

export class AbortedTransactions {
  readonly #ahead: AbortedTransaction[]
  readonly #open = new Set<bigint>()

  constructor (transactions: readonly AbortedTransaction[]) {
    this.#ahead = transactions.toSorted((a, b) => a.firstOffset < b.firstOffset ? -1 : a.firstOffset > b.firstOffset ? 1 : 0)
  }

  /** Error: BatchError, if the batch is a marker that cannot be read. */
  includes (batch: RecordBatch): boolean {
    const last = lastOffset(batch)
    while (this.#ahead.length > 0 && this.#ahead[0]!.firstOffset <= last) this.#open.add(this.#ahead.shift()!.producerId)
    if ((batch.attributes & IS_CONTROL) !== 0) {
      if (this.#open.size > 0 && markerType(batch) === ABORT_MARKER) this.#open.delete(batch.producerId)
      return false
    }
    return (batch.attributes & IS_TRANSACTIONAL) !== 0 && this.#open.has(batch.producerId)
  }
}

/** The type of a transaction marker: bytes 2 and 3 of its key. */
function markerType (batch: RecordBatch): number | undefined {
  const records = new BatchRecords(batch, new BatchMemory({ maxBatchBytes: MAX_MARKER_BYTES, maxRecordBytes: MAX_MARKER_BYTES }))
  const key = records.next()?.key
  records.close()
  if (key === undefined || key === null || key.length < 4) throw new BatchError('a transaction marker has no type')
  return key.readInt16BE(2)
}
