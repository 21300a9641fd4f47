// The one bound on memory. A source may be pulled only while its unsettled records and their bytes are under a limit, so every buffer
// between source and sink is bounded, whatever operators lie between. One record is always admitted, however large.

export interface CreditLimits {
  /** Unsettled records at most. */
  readonly records: number
  /** Unsettled bytes at which pulling stops (one record may overshoot). */
  readonly bytes: number
}

export class Credits {
  readonly limits: CreditLimits
  #records = 0
  #bytes = 0
  #wake: (() => void) | undefined
  #starvedSince: number | undefined
  #starvedMs = 0
  readonly #onStarved: () => void
  readonly #onIdle: () => void

  /** `onStarved` is called when a pull must wait for credit; `onIdle` when the last unsettled record has settled. */
  constructor (limits: CreditLimits, onStarved: () => void, onIdle: () => void) {
    this.limits = limits
    this.#onStarved = onStarved
    this.#onIdle = onIdle
  }

  get records (): number { return this.#records }
  get bytes (): number { return this.#bytes }
  /** Whether a pull is waiting for credit now. */
  get starved (): boolean { return this.#starvedSince !== undefined }
  /** Milliseconds so far that pulls waited for credit: the time for which what comes after the source was the bottleneck. */
  get starvedMs (): number { return this.#starvedMs + (this.#starvedSince === undefined ? 0 : performance.now() - this.#starvedSince) }

  get available (): boolean {
    return this.#records === 0 || (this.#records < this.limits.records && this.#bytes < this.limits.bytes)
  }

  /** Errors: RangeError for bytes that are no size, which would switch the limit off. */
  take (bytes: number): void {
    if (!(bytes >= 0 && bytes < Infinity)) throw new RangeError(`a source gave a record of ${bytes} bytes`)
    this.#records++
    this.#bytes += bytes
  }

  give (bytes: number): void {
    this.#records--
    this.#bytes -= bytes
    if (this.available) this.wake()
    if (this.#records === 0) this.#onIdle()
  }

  /** Resolves when credit is available, or when `wake` is called (drain). */
  async wait (): Promise<void> {
    if (this.available) return
    this.#starvedSince = performance.now()
    const woken = new Promise<void>(resolve => { this.#wake = resolve })
    this.#onStarved()
    await woken
    this.#starvedMs += performance.now() - this.#starvedSince
    this.#starvedSince = undefined
  }

  /** Ends a wait without credit. */
  wake (): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }
}
