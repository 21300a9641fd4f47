// An event with one waiter. A notification without a waiter is kept for the next wait, so no notification is lost.

export class Notifier {
  #pending = false
  #resolve: (() => void) | undefined

  /** Ends the current wait. If nothing waits, the next wait ends immediately. */
  notify (): void {
    const resolve = this.#resolve
    this.#resolve = undefined
    if (resolve === undefined) this.#pending = true
    else resolve()
  }

  /** Resolves at the next notification, or immediately if a notification arrived since the last wait. */
  async wait (): Promise<void> {
    if (this.#pending) {
      this.#pending = false
      return
    }
    await new Promise<void>(resolve => { this.#resolve = resolve })
  }
}
