// What the modes need to know of a decoded alert, whatever its schema version.
import type { AlertValue } from './schema.ts'

export interface AlertFacts {
  readonly id: bigint
  /** Mid-point of the triggering exposure, Modified Julian Date in TAI, days; `midPointTai` up to schema 4, `midpointMjdTai` from 5. */
  readonly midpointMjdTai: number | undefined
  /** Prior sources, forced sources and non-detection limits in the packet. */
  readonly history: number
}

const histories = ['prvDiaSources', 'prvDiaForcedSources', 'prvDiaNondetectionLimits']

/** Facts of a decoded alert. The id is that of `alertId` or `diaSourceId`; throws TypeError where the value has neither. */
export function alertFacts (value: AlertValue): AlertFacts {
  const id = value['alertId'] ?? value['diaSourceId'] ?? Object.values(value)[0]
  if (typeof id !== 'bigint') throw new TypeError('the value is no alert: it has neither alertId nor diaSourceId')
  const source = value['diaSource'] as AlertValue | null | undefined
  const midpoint = source?.['midpointMjdTai'] ?? source?.['midPointTai']
  let history = 0
  for (const name of histories) {
    const entries = value[name]
    if (Array.isArray(entries)) history += entries.length
  }
  return { id, midpointMjdTai: typeof midpoint === 'number' ? midpoint : undefined, history }
}
