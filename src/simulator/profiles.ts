// In which shape the alerts of a pass leave: by the time offsets of their load, in the bursts of DMTN-149, or as fast as it goes. A profile only
// says when each alert is due, in milliseconds after the pass began; it is a pure function of the seed, the pass and the number of alerts.
import { Random } from '../generator/random.ts'
import { headerText, type KafkaRecord } from '../kafka/record.ts'

/** When the alert is due that is `index`-th in its pass (from 0, in the order in which they go out): milliseconds after the pass began. */
type Schedule = (record: Pick<KafkaRecord, 'headers'>, index: number) => number

export interface Profile {
  readonly name: string
  /** For people: `by alertsim-time-offset`. */
  readonly detail: string
  /** Whether alerts go out in the order of their time offsets; else partition by partition, as they are fetched. */
  readonly ordered: boolean
  /** Whether alerts have a time of their own, so that some can be late. */
  readonly timed: boolean
  schedule (pass: number, alerts: number): Schedule
}

export interface BurstOptions {
  /** Bursts of one pass: the survey's detectors. */
  readonly bursts: number
  /** Over which they are spread. */
  readonly seconds: number
  readonly seed: number
}

/** Sizes of the bursts, in the order in which they leave, and when, in milliseconds after the pass began. */
interface Bursts {
  readonly sizes: readonly number[]
  readonly startMs: readonly number[]
}

/** DMTN-149: 10,000 alerts of a visit leave in 189 bursts of 10 to 200 alerts, centred at 50, over 3 seconds. */
export const DMTN_149 = { bursts: 189, seconds: 3, smallest: 10, centre: 50, largest: 200, mean: 10_000 / 189 } as const
/** Spread of the sizes (lognormal): one burst of twenty has less than 20 or more than 120 alerts. */
const SIZE_SIGMA = 0.5

/** Seconds since the first alert of the load, from the header; 0 where there is none. */
export function timeOffset (record: Pick<KafkaRecord, 'headers'>): number {
  const seconds = Number(headerText(record, 'alertsim-time-offset') ?? 0)
  return Number.isFinite(seconds) ? seconds : 0
}

/** As the telescope took them. */
export const offsetsProfile: Profile = {
  name: 'offsets', detail: 'by alertsim-time-offset', ordered: true, timed: true, schedule: () => record => timeOffset(record) * 1000
}

export const fastProfile: Profile = { name: 'fast', detail: 'as fast as possible', ordered: false, timed: false, schedule: () => () => 0 }

/** The pass is one visit; alerts that follow each other in time leave together, as those of one detector do. */
export function burstProfile (options: BurstOptions): Profile {
  const { bursts, seconds } = options
  return {
    name: 'dmtn-149',
    detail: `${bursts} bursts in ${seconds} s`,
    ordered: true,
    timed: true,
    schedule (pass, alerts) {
      const { sizes, startMs } = planBursts(alerts, pass, options)
      let sum = 0
      const ends = sizes.map(size => sum += size)
      const last = startMs.at(-1) ?? 0
      return (_record, index) => startMs[ends.findIndex(end => index < end)] ?? last
    }
  }
}

/**
 * Sizes add up to `alerts`. Where a burst has on average more or fewer alerts than in DMTN-149, smallest and largest grow or shrink with it; a
 * visit of fewer alerts than bursts has bursts of one. Each burst starts at random within its own share of the seconds.
 */
export function planBursts (alerts: number, pass: number, { bursts, seconds, seed }: BurstOptions): Bursts {
  const count = Math.min(bursts, alerts)
  if (count === 0) return { sizes: [], startMs: [] }
  const random = new Random(seed, 'bursts', pass)
  const scale = alerts / count / DMTN_149.mean
  const least = Math.max(1, Math.round(DMTN_149.smallest * scale))
  const most = Math.max(least, Math.round(DMTN_149.largest * scale))
  const within = (size: number): number => Math.min(most, Math.max(least, size))
  const drawn = Array.from({ length: count }, () => random.lognormal(DMTN_149.centre, SIZE_SIGMA))
  const total = drawn.reduce((sum, size) => sum + size, 0)
  const sizes = drawn.map(size => within(Math.round(size * alerts / total)))
  // What rounding and the limits left over is shared out one by one: the mean is always between the limits, so that it comes out even.
  let missing = alerts - sizes.reduce((sum, size) => sum + size, 0)
  for (let index = random.below(count); missing !== 0; index = (index + 1) % count) {
    const before = sizes[index]!
    const after = within(before + Math.sign(missing))
    sizes[index] = after
    missing -= after - before
  }
  const startMs = Array.from({ length: count }, (_, index) => (index + random.unit()) * seconds * 1000 / count)
  return { sizes, startMs }
}
