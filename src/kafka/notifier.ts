// One waiter and many wakers: lets an async generator sleep until something happened. A wake without a waiter is kept, so none is missed.

export class Wake {
  #pending = false
  #resolve: (() => void) | undefined

  /** Ends the current wait, or the next one at once. */
  wake (): void {
    const resolve = this.#resolve
    if (resolve === undefined) {
      this.#pending = true
      return
    }
    this.#resolve = undefined
    resolve()
  }

  /** Resolves at the next wake, or at once where one came since the last wait. */
  async wait (): Promise<void> {
    if (this.#pending) {
      this.#pending = false
      return
    }
    await new Promise<void>(resolve => { this.#resolve = resolve })
  }
}
