// Thrown by all readers of record batches if a batch is damaged. PartitionBuffer catches the error, so it never leaves the consumer.

export class BatchError extends Error {
  override readonly name = 'BatchError'
}
