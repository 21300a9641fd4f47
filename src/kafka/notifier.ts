// An event with one waiter. A notification that nobody waits for is kept, so none is lost.

export class Notifier {
  #pending = false
  #resolve: (() => void) | undefined

  /** Ends the current wait, or the next one immediately. */
  notify (): void {
    const resolve = this.#resolve
    this.#resolve = undefined
    if (resolve === undefined) this.#pending = true
    else resolve()
  }

  /** Resolves at the next notification, or immediately if one arrived since the last wait. */
  async wait (): Promise<void> {
    if (this.#pending) {
      this.#pending = false
      return
    }
    await new Promise<void>(resolve => { this.#resolve = resolve })
  }
}
