// The fields of a decoded alert that every mode needs, under the names of all schema versions.
import type { AlertValue } from './schema.ts'

interface AlertFacts {
  readonly id: bigint
  /** Mid-point of the triggering exposure: Modified Julian Date, TAI, days. `midPointTai` up to schema 4, `midpointMjdTai` from 5. */
  readonly midpointMjdTai: number | undefined
  /** Number of prior sources, forced sources and non-detection limits in the packet. */
  readonly history: number
}

const HISTORY_FIELDS = ['prvDiaSources', 'prvDiaForcedSources', 'prvDiaNondetectionLimits']

/** Reads the facts of a decoded alert. Throws TypeError if it has no id: `alertId`, `diaSourceId` or a long as its first field. */
export function alertFacts (value: AlertValue): AlertFacts {
  const id = value['alertId'] ?? value['diaSourceId'] ?? Object.values(value)[0]
  if (typeof id !== 'bigint') throw new TypeError('the value is not an alert: it has neither alertId nor diaSourceId')
  const source = value['diaSource'] as AlertValue | null | undefined
  const midpoint = source?.['midpointMjdTai'] ?? source?.['midPointTai']
  let history = 0
  for (const name of HISTORY_FIELDS) {
    const entries = value[name]
    if (Array.isArray(entries)) history += entries.length
  }
  return { id, midpointMjdTai: typeof midpoint === 'number' ? midpoint : undefined, history }
}
