// A replay profile defines when each alert of a pass is due, in milliseconds since the start of the pass. `offsets` follows the time
// offsets that create-stream stored in the alerts' headers, `dmtn-149` the bursts of DMTN-149, and `fast` sends as fast as possible.
import { headerText, type KafkaRecord } from '../kafka/record.ts'
import { planBursts, type BurstOptions } from './burst-plan.ts'

/** Due time of the alert with this index in its pass (from 0, in sending order), in milliseconds since the start of the pass. */
type Schedule = (record: Pick<KafkaRecord, 'headers'>, index: number) => number

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
  name: 'offsets', detail: 'by alertsim-time-offset', ordered: true, timed: true, schedule: () => record => timeOffset(record) * 1000
}

export const fastProfile: Profile = { name: 'fast', detail: 'as fast as possible', ordered: false, timed: false, schedule: () => () => 0 }

/** Each pass is one visit. Alerts with adjacent time offsets are sent in the same burst, like the alerts of one detector. */
export function burstProfile (options: BurstOptions): Profile {
  return {
    name: 'dmtn-149',
    detail: `${options.bursts} bursts in ${options.seconds} s`,
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
