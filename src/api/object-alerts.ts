// The alerts of an object, which the index finds, merged into one light curve.
import { parseFrame } from '../avro/wire-format.ts'
import { formatErrors } from '../formats/errors.ts'
import { ObjectLightCurve } from '../formats/object-light-curve.ts'
import { AlertStreamError } from '../pipeline/errors.ts'
import type { Search } from '../search/open-search.ts'
import type { AlertQuery } from '../search/query.ts'
import type { ArchiveReader } from '../stores/archive.ts'
import { readAlerts } from './alert-batch.ts'
import type { AlertSchemas } from './alert-schemas.ts'

interface ObjectAlertsOptions {
  readonly archive: Pick<ArchiveReader, 'getAlert'>
  readonly schemas: Pick<AlertSchemas, 'get'>
  /** Maximum number of alerts of a light curve. */
  readonly maxAlerts: number
}

interface Row {
  readonly id: string
  readonly timestamp: number | null
  readonly midpointMjdTai: number | null
}

/** Maximum number of points of a light curve. */
const maxPoints = 50_000
/** Errors by which a single alert is unreadable, apart from OBJECT_*. */
const unreadable = new Set(['DATUM_INVALID', 'FRAME_EMPTY', 'FRAME_TOO_SHORT', 'FRAME_BAD_MAGIC', 'SCHEMA_INVALID'])

/**
 * Resolves to undefined if the index has no alert of the query. Rejects with LIGHT_CURVE_TOO_LARGE, with a SEARCH_*, SEGMENT_* or STORE_*
 * error, or with the reason of the signal.
 */
export async function objectLightCurve (
  search: Pick<Search, 'page'>, query: AlertQuery, { archive, schemas, maxAlerts }: ObjectAlertsOptions, signal: AbortSignal
): Promise<ObjectLightCurve | undefined> {
  const { alerts, next } = await search.page({ query, columns: ['id', 'timestamp', 'midpointMjdTai'], limit: maxAlerts }, signal)
  if (next !== undefined) throw formatErrors.LIGHT_CURVE_TOO_LARGE(`the object has more than ${maxAlerts} alerts`)
  if (alerts.length === 0) return undefined
  const ids = alerts.map(text => JSON.parse(text) as Row).sort(byPublication).map(({ id }) => id)
  const curve = new ObjectLightCurve(maxPoints)
  for await (const { id, frame, error } of readAlerts(archive, ids, signal)) {
    if (frame === undefined) {
      curve.addUnreadable({ id, error: error ?? 'ALERT_MISSING' })
      continue
    }
    try {
      const { schemaId, datum } = parseFrame(frame)
      const archived = await schemas.get(schemaId)
      if (archived === undefined) curve.addUnreadable({ id, error: 'ALERT_SCHEMA_MISSING' })
      else curve.add(id, { schema: archived.schema, datum })
    } catch (failure) {
      if (!(failure instanceof AlertStreamError) || !unreadable.has(failure.code)) throw failure
      curve.addUnreadable({ id, error: failure.code })
    }
  }
  return curve
}

/** By Kafka timestamp, then by time of observation, then by id. Alerts without a Kafka timestamp come first. */
function byPublication (a: Row, b: Row): number {
  const published = (a.timestamp ?? 0) - (b.timestamp ?? 0)
  const observed = (a.midpointMjdTai ?? 0) - (b.midpointMjdTai ?? 0)
  return published || observed || (BigInt(a.id) < BigInt(b.id) ? -1 : 1)
}
