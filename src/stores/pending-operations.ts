// The operations of a store that are in progress. Closing the store waits for them.

export class PendingOperations {
  readonly #operations = new Set<Promise<unknown>>()

  /** Keeps an operation until it settles. Returns the operation. */
  add<T> (operation: Promise<T>): Promise<T> {
    this.#operations.add(operation)
    const remove = (): void => { this.#operations.delete(operation) }
    operation.then(remove, remove)
    return operation
  }

  /** Resolves when all operations in progress at the time of the call have settled. Never rejects. */
  async settled (): Promise<void> {
    await Promise.allSettled(this.#operations)
  }
}
