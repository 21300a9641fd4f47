// What the fields of diaObject hold: position, proper motion, neighbours, and statistics that are computed from the light
// curve which the same alert carries (today's detection included), per band.
import { type Rule, type Rules, table } from './fields.ts'
import { type Forced, type History } from './history.ts'
import { type Source, type Target } from './source.ts'
import { BANDS } from './visits.ts'

/** Statistics of one series of fluxes, nJy. */
interface FluxStatistics {
  readonly count: number
  readonly mean: number
  readonly meanError: number
  readonly sigma: number
  readonly chi2: number
  readonly min: number
  readonly max: number
  /** Steepest change between neighbours in time, nJy per day. */
  readonly maxSlope: number
  readonly errorMean: number
}

/** An object as the alert shows it. */
export interface ObjectView {
  readonly target: Target
  readonly today: Source
  readonly first: number
  readonly detections: number
  /** By band (index into BANDS): difference flux of detections, forced difference flux, forced science flux. */
  readonly psf: readonly (FluxStatistics | null)[]
  readonly forced: readonly (FluxStatistics | null)[]
  readonly science: readonly (FluxStatistics | null)[]
}

interface Point {
  readonly time: number
  readonly flux: number
  readonly error: number
}

/** The object's record of a detection and its history. */
export function viewObject (today: Source, history: History): ObjectView {
  const detections = [today, ...history.sources]
  return {
    target: today.target,
    today,
    first: detections.at(-1)!.midpoint,
    detections: detections.length,
    psf: perBand(detections, source => ({ time: source.midpoint, flux: source.flux, error: source.fluxError })),
    forced: perBand(history.forced, forced => ({ time: forced.midpoint, flux: forced.flux, error: forced.fluxError })),
    science: perBand(history.forced, forced => ({ time: forced.midpoint, flux: forced.scienceFlux, error: forced.scienceFluxError }))
  }
}

function perBand<T extends Source | Forced> (items: readonly T[], point: (item: T) => Point): (FluxStatistics | null)[] {
  const points: Point[][] = BANDS.map(() => [])
  for (const item of items) points[item.visit.band]!.push(point(item))
  return points.map(statistics)
}

function statistics (points: readonly Point[]): FluxStatistics | null {
  if (points.length === 0) return null
  let weights = 0
  let weighted = 0
  let errors = 0
  let min = Infinity
  let max = -Infinity
  for (const { flux, error } of points) {
    const weight = 1 / (error * error)
    weights += weight
    weighted += weight * flux
    errors += error
    min = Math.min(min, flux)
    max = Math.max(max, flux)
  }
  const mean = weighted / weights
  let squares = 0
  let chi2 = 0
  let maxSlope = -Infinity
  points.forEach(({ time, flux, error }, i) => {
    squares += (flux - mean) * (flux - mean)
    chi2 += (flux - mean) * (flux - mean) / (error * error)
    const older = points[i + 1]
    if (older !== undefined && older.time !== time) maxSlope = Math.max(maxSlope, (flux - older.flux) / (time - older.time))
  })
  return {
    count: points.length,
    mean,
    meanError: 1 / Math.sqrt(weights),
    sigma: points.length < 2 ? Number.NaN : Math.sqrt(squares / (points.length - 1)),
    chi2,
    min,
    max,
    maxSlope: points.length < 2 ? Number.NaN : maxSlope,
    errorMean: errors / points.length
  }
}

// NaN is cast to null: a single point has no deviation and no slope.
const statistic: Readonly<Record<string, (of: FluxStatistics) => number>> = {
  Mean: of => of.mean,
  MeanErr: of => of.meanError,
  Sigma: of => of.sigma,
  Chi2: of => of.chi2,
  Ndata: of => of.count,
  Min: of => of.min,
  Max: of => of.max,
  MaxSlope: of => of.maxSlope,
  ErrMean: of => of.errorMean
}

const perBandName = /^([ugrizy])_(psf|fp|science)Flux(\w+)$/

function bandRule (name: string): Rule<ObjectView> | undefined {
  const match = perBandName.exec(name)
  const value = match === null ? undefined : statistic[match[3]!]
  if (match === null || value === undefined) return undefined
  const band = BANDS.indexOf(match[1] as typeof BANDS[number])
  const series = match[2] === 'psf' ? 'psf' : match[2] === 'fp' ? 'forced' : 'science'
  const absent = match[3] === 'Ndata' ? 0 : null
  return view => {
    const of = view[series][band]!
    return of === null ? absent : value(of)
  }
}

const rules: Rules<ObjectView> = {
  diaObjectId: view => view.target.objectId,
  ra: view => view.target.ra,
  raErr: view => view.today.positionError / Math.sqrt(view.detections),
  dec: view => view.target.dec,
  decErr: view => view.today.positionError / Math.sqrt(view.detections),
  ra_dec_Cov: (view, random) => 0.1 * random.gaussian() * view.today.positionError * view.today.positionError / view.detections,
  radecMjdTai: view => view.today.midpoint,
  validityStartMjdTai: (view, random) => view.today.midpoint + random.between(80, 130) / 86_400,
  firstDiaSourceMjdTai: view => view.first,
  lastDiaSourceMjdTai: view => view.today.midpoint,
  nDiaSources: view => view.detections,
  pmRa: (view, random) => view.detections < 5 ? null : 10 * random.gaussian(),
  pmDec: (view, random) => view.detections < 5 ? null : 10 * random.gaussian(),
  parallax: (view, random) => view.detections < 5 ? null : random.lognormal(0.6, 1),
  pmParallaxNdata: view => view.detections < 5 ? 0 : view.detections,
  flags: () => 0
}

const own = table(rules)

/** The rule of a diaObject's field. */
export function objectRule (name: string): Rule<ObjectView> | undefined {
  const found = own(name) ?? bandRule(name)
  if (found !== undefined) return found
  if (/^(pm|parallax)/.test(name)) {
    if (/(LnL|Chi2)$/.test(name)) return (view, random) => view.detections < 5 ? null : random.lognormal(view.detections, 0.3) * (name.endsWith('LnL') ? -1 : 1)
    return (view, random) => view.detections < 5 ? null : /_Cov$/.test(name) ? random.gaussian() : random.lognormal(2, 0.4)
  }
  const nearby = /^nearbyObj(\d)(\w*)$/.exec(name)
  if (nearby !== null) return nearbyRule(Number(nearby[1]), nearby[2]!)
  if (/Periodic\d+$/i.test(name)) return (view, random) => view.detections < 10 ? null : random.gaussian()
  return undefined
}

// Neighbours are known or not by the object's id, so that id, distance and probability are null together.
function nearbyRule (rank: number, part: string): Rule<ObjectView> {
  return (view, random) => {
    const id = view.target.objectId ?? 0n
    if (Number(id % 7n) < 2 * rank - 1) return null
    if (part === 'Dist') return random.between(2, 6) * rank
    if (part === 'LnP') return -random.lognormal(3 * rank, 0.4)
    return id + BigInt(rank * 4096 + random.below(4096))
  }
}
