// Plans the bursts of one pass as described in DMTN-149: how many alerts each burst has, and when it starts. The plan depends only on the
// seed, the pass and the number of alerts.
import { Random } from '../generator/random.ts'

export interface BurstOptions {
  /** Bursts per pass. In the survey, one per detector. */
  readonly bursts: number
  /** Time over which the bursts of a pass are spread. */
  readonly seconds: number
  readonly seed: number
}

interface BurstPlan {
  /** Alerts of each burst, in order of start. */
  readonly sizes: readonly number[]
  /** Start of each burst in milliseconds since the start of the pass. */
  readonly startMs: readonly number[]
}

/** DMTN-149: 10,000 alerts of a visit leave in 189 bursts of 10 to 200 alerts, centred at 50, over 3 seconds. */
export const DMTN_149 = { bursts: 189, seconds: 3, smallest: 10, centre: 50, largest: 200, mean: 10_000 / 189 } as const
/** Sigma of the lognormal distribution of sizes. One burst in twenty has fewer than 20 or more than 120 alerts. */
const SIZE_SIGMA = 0.5

/**
 * The sizes add up to `alerts`. If the mean size differs from DMTN-149, the smallest and largest size scale with it. A visit with fewer
 * alerts than bursts has bursts of one alert. Each burst starts at a random time within an equal share of the seconds.
 */
export function planBursts (alerts: number, pass: number, { bursts, seconds, seed }: BurstOptions): BurstPlan {
  const count = Math.min(bursts, alerts)
  if (count === 0) return { sizes: [], startMs: [] }
  const random = new Random(seed, 'bursts', pass)
  const scale = alerts / count / DMTN_149.mean
  const smallest = Math.max(1, Math.round(DMTN_149.smallest * scale))
  const largest = Math.max(smallest, Math.round(DMTN_149.largest * scale))
  const clamp = (size: number): number => Math.min(largest, Math.max(smallest, size))
  const drawn = Array.from({ length: count }, () => random.lognormal(DMTN_149.centre, SIZE_SIGMA))
  const total = drawn.reduce((sum, size) => sum + size, 0)
  const sizes = drawn.map(size => clamp(Math.round(size * alerts / total)))
  // Rounding and clamping change the total. The mean lies between the limits, so adjusting sizes by one always reaches the exact total.
  let missing = alerts - sizes.reduce((sum, size) => sum + size, 0)
  for (let index = random.below(count); missing !== 0; index = (index + 1) % count) {
    const before = sizes[index]!
    const after = clamp(before + Math.sign(missing))
    sizes[index] = after
    missing -= after - before
  }
  const startMs = Array.from({ length: count }, (_, index) => (index + random.unit()) * seconds * 1000 / count)
  return { sizes, startMs }
}
