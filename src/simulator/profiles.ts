// A replay profile defines when each alert of a pass is due, in milliseconds since the start of the pass. `offsets` follows the time
// offsets that create-stream stored in the alerts' headers, `dmtn-149` the bursts of DMTN-149, and `fast` sends as fast as possible.
import { packedIdOfFrame } from '../avro/packed-frame-id.ts'
import { headerText, type KafkaRecord } from '../kafka/record.ts'
import { planBursts, type BurstOptions } from './burst-plan.ts'

/** Times are in milliseconds since the start of the pass. Indexes count the alerts of a pass in the order of reading, from 0. */
interface Schedule {
  /** Due time of the alert with this index. Call this method once per alert, in the order of reading. */
  due (record: Pick<KafkaRecord, 'headers' | 'value'>, index: number): number
  /** A time before which no alert from this index on is due. Undefined if alerts are due in the order of reading. */
  readonly earliestFrom?: (index: number) => number
}

export interface Profile {
  readonly name: string
  /** Text for descriptions, such as `by alertsim-time-offset`. */
  readonly detail: string
  /** Whether alerts are sent in the order of their time offsets. If not, they are sent in the order in which they are fetched. */
  readonly ordered: boolean
  /** Whether alerts have individual due times and can therefore be late. */
  readonly timed: boolean
  schedule (pass: number, alerts: number): Schedule
}

/** Seconds since the first alert of the load, from the header `alertsim-time-offset`; 0 if the header is missing or not a number. */
export function timeOffset (record: Pick<KafkaRecord, 'headers'>): number {
  const seconds = Number(headerText(record, 'alertsim-time-offset') ?? 0)
  return Number.isFinite(seconds) ? seconds : 0
}

export const offsetsProfile: Profile = {
  name: 'offsets', detail: 'by alertsim-time-offset', ordered: true, timed: true,
  schedule: () => ({ due: record => timeOffset(record) * 1000 })
}

export const fastProfile: Profile = {
  name: 'fast', detail: 'as fast as possible', ordered: false, timed: false, schedule: () => ({ due: () => 0 })
}

/** Each pass is one visit. Alerts with adjacent time offsets are sent in the same burst, like the alerts of one detector. */
export function burstProfile (options: BurstOptions): Profile {
  return {
    name: 'dmtn-149',
    detail: `${options.bursts} bursts in ${options.seconds} s`,
    ordered: true,
    timed: true,
    schedule (pass, alerts) {
      const { startOf } = burstTimes(alerts, pass, options)
      return { due: (_record, index) => startOf(index) }
    }
  }
}

/** Number of senders that send at the same time. The replay holds as many bursts in memory. */
const SENDERS_AT_ONCE = 3

/**
 * Like `burstProfile`, but each burst is sent evenly over the time of three bursts, so that the alerts of its sender interleave with the
 * alerts of others. The alerts of a detector keep their order, if their ids tell the detector.
 */
export function interleavedProfile (options: BurstOptions & { readonly overlapSeconds: number }): Profile {
  return {
    name: 'dmtn-149',
    detail: `${options.bursts} interleaved bursts in ${options.seconds} s, visits overlap by ${options.overlapSeconds} s`,
    ordered: true,
    timed: true,
    schedule (pass, alerts) {
      const { startOf, fractionOf, bursts } = burstTimes(alerts, pass, options)
      const spread = options.seconds * 1000 / Math.max(1, bursts) * SENDERS_AT_ONCE
      const lastDue = new Map<number, number>()
      return {
        due ({ value }, index) {
          const due = startOf(index) + spread * fractionOf(index)
          const detector = packedIdOfFrame(value)?.detector
          if (detector === undefined) return due
          // The alerts of a detector may belong to two bursts.
          const inOrder = Math.max(due, lastDue.get(detector) ?? 0)
          lastDue.set(detector, inOrder)
          return inOrder
        },
        earliestFrom: startOf
      }
    }
  }
}

function burstTimes (alerts: number, pass: number, options: BurstOptions) {
  const { sizes, startMs } = planBursts(alerts, pass, options)
  let sum = 0
  const ends = sizes.map(size => sum += size)
  const last = startMs.at(-1) ?? 0
  const burstOf = (index: number): number => ends.findIndex(end => index < end)
  return {
    bursts: sizes.length,
    /** Start of the alert's burst. Ascends with the index. */
    startOf: (index: number): number => startMs[burstOf(index)] ?? last,
    /** Position of the alert in its burst, from 0 to 1. */
    fractionOf (index: number): number {
      const burst = burstOf(index)
      return burst < 0 ? 1 : 1 - (ends[burst]! - index) / sizes[burst]!
    }
  }
}
