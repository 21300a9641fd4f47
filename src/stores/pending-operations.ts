// The operations of a store that are in progress. Closing the store waits for them.

export class Underway {
  readonly #operations = new Set<Promise<unknown>>()

  /** Registers an operation until it settles. Returns the same promise. */
  add<T> (operation: Promise<T>): Promise<T> {
    this.#operations.add(operation)
    const done = (): void => { this.#operations.delete(operation) }
    operation.then(done, done)
    return operation
  }

  /** Resolves when all operations in progress now have settled. Never rejects. */
  async ended (): Promise<void> {
    await Promise.allSettled(this.#operations)
  }
}
