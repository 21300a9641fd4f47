// Thrown by all readers of record batches if a batch cannot be read. PartitionBuffer catches the error, so it never leaves the consumer.

export class BatchError extends Error {
  override readonly name = 'BatchError'
  /** Whether the batch is too large for the memory limit. Otherwise, it is damaged. */
  readonly oversized: boolean

  constructor (message: string, { oversized = false } = {}) {
    super(message)
    this.oversized = oversized
  }
}
