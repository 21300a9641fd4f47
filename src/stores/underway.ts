// What a store has begun and not ended: a close waits for it.

export class Underway {
  readonly #tasks = new Set<Promise<unknown>>()

  /** Gives the same promise. */
  add<T> (task: Promise<T>): Promise<T> {
    this.#tasks.add(task)
    const done = (): void => { this.#tasks.delete(task) }
    task.then(done, done)
    return task
  }

  /** Resolves when what is under way now has ended, however it ends. */
  async ended (): Promise<void> {
    await Promise.allSettled(this.#tasks)
  }
}
