// Plans the bursts of one pass as described in DMTN-149: how many alerts each burst has, and when each burst starts. The plan depends
// only on the seed, the pass and the number of alerts.
import { Random } from '../generator/random.ts'

export interface BurstOptions {
  /** Number of bursts per pass. In the survey, each detector sends one burst per visit. */
  readonly bursts: number
  /** Seconds over which the bursts of a pass are spread. */
  readonly seconds: number
  readonly seed: number
}

interface BurstPlan {
  /** Number of alerts in each burst, in order of start. */
  readonly sizes: readonly number[]
  /** Start of each burst in milliseconds since the start of the pass. */
  readonly startMs: readonly number[]
}

/** DMTN-149: the 10,000 alerts of a visit are sent in 189 bursts over 3 seconds. Burst sizes are 10 to 200 alerts, centred at 50. */
export const DMTN_149 = { bursts: 189, seconds: 3, smallest: 10, centre: 50, largest: 200, mean: 10_000 / 189 } as const
/** Sigma of the lognormal distribution of burst sizes. About 93 % of the bursts of DMTN-149 have 20 to 120 alerts. */
const SIZE_SIGMA = 0.5

/**
 * The sizes add up to `alerts`. The smallest and the largest size scale with the mean size. If there are fewer alerts than bursts, each
 * alert is a burst of its own. `seconds` is divided into equal slots, and each burst starts at a random time within its slot.
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
  // Rounding and clamping change the total. The mean lies between the size limits, so adjusting sizes by one always reaches `alerts`.
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
