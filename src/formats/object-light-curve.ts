// The light curve of an object: the points of all its alerts, each source and each forced measurement once.
import { formatErrors } from './errors.ts'
import type { FramedAlert } from './framed-alert.ts'
import { byTime, csvLines, lightCurve, lightCurveColumns, type Cell, type PointKind } from './light-curve.ts'

/** `alertId`: the alert from which the values of the point are. */
export const objectPointColumns = [...lightCurveColumns, 'alertId'] as const

type Point = Readonly<Record<string, Cell>>

/** An alert that could not be read. */
export interface UnreadableAlert {
  readonly id: string
  /** An error code. ALERT_MISSING: the index has the alert, but the archive does not. */
  readonly error: string
}

/** Ids in decimal digits. */
interface ObjectId {
  readonly diaObjectId: string | null
  readonly ssObjectId: string | null
}

export class ObjectLightCurve {
  readonly #maxPoints: number
  readonly #points: Readonly<Record<PointKind, Map<string, Point>>> = { detection: new Map(), forced: new Map(), limit: new Map() }
  readonly #alerts: string[] = []
  readonly #unreadable: UnreadableAlert[] = []
  #units: Readonly<Record<string, string>> = {}
  #count = 0

  /** `maxPoints`: limits the memory of the curve. A point takes about 1 kB. */
  constructor (maxPoints: number) {
    this.#maxPoints = maxPoints
  }

  get unreadable (): readonly UnreadableAlert[] { return this.#unreadable }

  /**
   * Adds the points of an alert. Alerts are added in the order of their publication, because a later one replaces the points that it has in
   * common with earlier ones. Throws DATUM_INVALID, and LIGHT_CURVE_TOO_LARGE.
   */
  add (id: string, alert: Pick<FramedAlert, 'schema' | 'datum'>): void {
    const { points, units } = lightCurve(alert)
    this.#alerts.push(id)
    this.#units = units
    for (const point of points) {
      const kind = point['kind'] as PointKind
      const known = this.#points[kind]
      const key = keyOf(kind, point)
      const earlier = known.get(key)
      if (earlier === undefined && ++this.#count > this.#maxPoints) {
        throw formatErrors.LIGHT_CURVE_TOO_LARGE(`the light curve of the object has more than ${this.#maxPoints} points`)
      }
      known.set(key, { ...point, trigger: point['trigger'] === true || earlier?.['trigger'] === true, alertId: id })
    }
  }

  addUnreadable (alert: UnreadableAlert): void {
    this.#unreadable.push(alert)
  }

  /** One JSON document. The points of each array have the columns `objectPointColumns`, by ascending time. */
  json ({ diaObjectId, ssObjectId }: ObjectId): string {
    const head = { diaObjectId, ssObjectId, alerts: this.#alerts, unreadable: this.#unreadable, units: this.#units }
    const array = (name: string, kind: PointKind): string =>
      `"${name}":[${this.#sorted(kind).map(point => `\n${JSON.stringify(point)}`).join()}\n]`
    return `${JSON.stringify(head).slice(0, -1)},` +
      `${array('sources', 'detection')},${array('forcedSources', 'forced')},${array('limits', 'limit')}}\n`
  }

  /** CSV (RFC 4180) with a line of column names: all points by ascending time. */
  csv (): string {
    const points = byTime([...this.#sorted('detection'), ...this.#sorted('forced'), ...this.#sorted('limit')])
    return csvLines([objectPointColumns, ...points.map(point => objectPointColumns.map(name => point[name]))])
  }

  #sorted (kind: PointKind): Point[] {
    return byTime([...this.#points[kind].values()])
  }
}

/** Sources have ids. Limits have none: a repetition has the same values. */
function keyOf (kind: PointKind, point: Point): string {
  const id = kind === 'detection' ? point['diaSourceId'] : kind === 'forced' ? point['diaForcedSourceId'] : null
  return typeof id === 'string' ? id : JSON.stringify({ ...point, trigger: null })
}
