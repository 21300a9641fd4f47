// Bounds the memory of a graph. A source is pulled only while its unsettled records and their bytes are below their limits. The
// limits bound every buffer between source and sink. If no record is unsettled, one record of any size is admitted.

export interface CreditLimits {
  /** Maximum number of unsettled records. */
  readonly records: number
  /** Unsettled bytes at which pulling stops. The last pulled record may exceed the limit. */
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

  /** `onStarved` is called when a pull starts to wait for credit, `onIdle` when the last unsettled record has settled. */
  constructor (limits: CreditLimits, onStarved: () => void, onIdle: () => void) {
    this.limits = limits
    this.#onStarved = onStarved
    this.#onIdle = onIdle
  }

  get records (): number { return this.#records }
  get bytes (): number { return this.#bytes }
  /** Whether a pull is waiting for credit. */
  get starved (): boolean { return this.#starvedSince !== undefined }
  /** Total time in milliseconds that pulls waited for credit. During these waits, the nodes after the source are the bottleneck. */
  get starvedMs (): number {
    return this.#starvedMs + (this.#starvedSince === undefined ? 0 : performance.now() - this.#starvedSince)
  }

  get available (): boolean {
    return this.#records === 0 || (this.#records < this.limits.records && this.#bytes < this.limits.bytes)
  }

  /** @throws RangeError if `bytes` is negative or not finite, because such a size would disable the limit */
  take (bytes: number, records = 1): void {
    if (!(bytes >= 0 && bytes < Infinity)) throw new RangeError(`a source emitted a record with an invalid size: ${bytes} bytes`)
    this.#records += records
    this.#bytes += bytes
  }

  /** Changes the bytes that an unsettled record holds. */
  resize (difference: number): void {
    this.#bytes += difference
    if (this.available) this.wake()
  }

  give (bytes: number, records = 1): void {
    this.#records -= records
    // Shares of bytes are fractions, so their sum is rounded.
    this.#bytes = this.#records === 0 ? 0 : this.#bytes - bytes
    if (this.available) this.wake()
    if (this.#records === 0) this.#onIdle()
  }

  /** Resolves when credit is available, or when `wake` is called. */
  async wait (): Promise<void> {
    if (this.available) return
    this.#starvedSince = performance.now()
    const woken = new Promise<void>(resolve => { this.#wake = resolve })
    this.#onStarved()
    await woken
    this.#starvedMs += performance.now() - this.#starvedSince
    this.#starvedSince = undefined
  }

  /** Ends a wait even if there is no credit. */
  wake (): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }
}
