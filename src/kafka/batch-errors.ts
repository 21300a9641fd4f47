// The error with which all readers of record batches report damage. PartitionBuffer catches it, so it never leaves the consumer.

export class BatchError extends Error {
  override readonly name = 'BatchError'
}
