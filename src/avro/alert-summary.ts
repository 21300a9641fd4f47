// Reads the alert id, the mid-point time and the history length of a decoded alert of any schema version.
import { schemaErrors } from './errors.ts'
import { noAlertId, type AlertSchema, type AlertValue } from './schema.ts'

interface AlertSummary {
  readonly id: bigint
  /** Mid-point of the triggering exposure (MJD, TAI, days). The field is `midPointTai` up to schema 4.0, `midpointMjdTai` from 5.0. */
  readonly midpointMjdTai: number | undefined
  /** Number of prior sources, forced sources and non-detection limits in the packet. */
  readonly history: number
}

const HISTORY_FIELDS = ['prvDiaSources', 'prvDiaForcedSources', 'prvDiaNondetectionLimits']

/** Error: SCHEMA_NO_ALERT_ID if the value has no `alertId`, no `diaSourceId` and no long as its first field. */
export function alertSummary (value: AlertValue): AlertSummary {
  const id = value['alertId'] ?? value['diaSourceId'] ?? Object.values(value)[0]
  if (typeof id !== 'bigint') {
    throw schemaErrors.SCHEMA_NO_ALERT_ID('the record has no alert id: no alertId, no diaSourceId and no long as its first field')
  }
  const source = value['diaSource'] as AlertValue | null | undefined
  const midpoint = source?.['midpointMjdTai'] ?? source?.['midPointTai']
  let history = 0
  for (const name of HISTORY_FIELDS) {
    const entries = value[name]
    if (Array.isArray(entries)) history += entries.length
  }
  return { id, midpointMjdTai: typeof midpoint === 'number' ? midpoint : undefined, history }
}

/** Checks that the records of a schema are alerts. Error: SCHEMA_NO_ALERT_ID unless the first field of the schema is a long. */
export function assertAlertId (schema: AlertSchema): void {
  if (schema.root.fields[0]?.type.kind !== 'long') throw noAlertId(schema)
}
