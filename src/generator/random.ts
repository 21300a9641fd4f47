// A seeded pseudorandom number generator: xoshiro128**, seeded with a hash of labels. Each alert, visit and purpose has a separate stream,
// so results do not depend on the order of generation. The same labels give the same numbers on every machine, because only 32-bit integer
// arithmetic and portable-math.ts are used.
import { exp, ln } from './portable-math.ts'

const TO_UNIT = 1 / 4294967296

export class Random {
  #a: number
  #b: number
  #c: number
  #d: number
  #spare = Number.NaN

  /** The labels together form the seed, for example `new Random(seed, 'visit', index)`. */
  constructor (...labels: readonly (string | number)[]) {
    const text = labels.join('\u0000')
    let a = 0x3c6ef372
    let b = 0x1b873593
    let c = 0x2d2816fe
    let d = 0x52e5a3a7
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      a = b ^ Math.imul(a ^ code, 597399067)
      b = c ^ Math.imul(b ^ code, 2869860233)
      c = d ^ Math.imul(c ^ code, 951274213)
      d = a ^ Math.imul(d ^ code, 2716044179)
    }
    this.#a = scramble(a ^ text.length)
    this.#b = scramble(b + this.#a)
    this.#c = scramble(c + this.#b)
    this.#d = scramble(d + this.#c) | 1
  }

  /** 32 random bits as a signed integer. */
  bits (): number {
    const five = Math.imul(this.#b, 5)
    const result = Math.imul((five << 7) | (five >>> 25), 9)
    const t = this.#b << 9
    this.#c ^= this.#a
    this.#d ^= this.#b
    this.#b ^= this.#c
    this.#a ^= this.#d
    this.#c ^= t
    this.#d = (this.#d << 11) | (this.#d >>> 21)
    return result
  }

  /** Uniform number in [0, 1), in steps of 2^-32. */
  unit (): number {
    return (this.bits() >>> 0) * TO_UNIT
  }

  /** Uniform number in [low, high). */
  between (low: number, high: number): number {
    return low + (high - low) * this.unit()
  }

  /** Uniform integer from 0 to count - 1. */
  below (count: number): number {
    return Math.floor(this.unit() * count)
  }

  chance (probability: number): boolean {
    return this.unit() < probability
  }

  /** Standard normal number, mean 0 and standard deviation 1 (Marsaglia polar method). */
  gaussian (): number {
    const spare = this.#spare
    if (!Number.isNaN(spare)) {
      this.#spare = Number.NaN
      return spare
    }
    for (;;) {
      const u = this.bits() / 2147483648
      const v = this.bits() / 2147483648
      const s = u * u + v * v
      if (s >= 1 || s === 0) continue
      const scale = Math.sqrt(-2 * ln(s) / s)
      this.#spare = v * scale
      return u * scale
    }
  }

  /** Lognormal number with the given median; `sigma` is the standard deviation of the logarithm. */
  lognormal (median: number, sigma: number): number {
    return median * exp(sigma * this.gaussian())
  }
}

function scramble (word: number): number {
  let x = word | 0
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
  return (x ^ (x >>> 16)) | 0
}
