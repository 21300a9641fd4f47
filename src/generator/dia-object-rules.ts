// Values of the diaObject fields: position, proper motion, nearby objects, and flux statistics per band. The statistics are computed from
// the light curve in the same alert, including the current detection.
import type { DiaSource, Target } from './dia-source.ts'
import type { ForcedSource, History } from './history.ts'
import { ruleLookup, type Rule, type Rules } from './record-builder.ts'
import { BANDS } from './visits.ts'

/** Statistics of a series of fluxes in nJy. */
interface FluxStatistics {
  readonly count: number
  readonly mean: number
  readonly meanError: number
  readonly sigma: number
  readonly chi2: number
  readonly min: number
  readonly max: number
  /** Maximum slope between consecutive points, nJy per day. */
  readonly maxSlope: number
  readonly errorMean: number
}

export interface ObjectSummary {
  readonly target: Target
  readonly current: DiaSource
  /** Exposure midpoint of the first detection, MJD TAI. */
  readonly first: number
  readonly detections: number
  /** Statistics by band; null without points. `psf`: detections. `forced`, `science`: forced fluxes on difference and science images. */
  readonly psf: readonly (FluxStatistics | null)[]
  readonly forced: readonly (FluxStatistics | null)[]
  readonly science: readonly (FluxStatistics | null)[]
}

interface Point {
  readonly time: number
  readonly flux: number
  readonly error: number
}

export function summarizeObject (current: DiaSource, history: History): ObjectSummary {
  const detections = [current, ...history.sources]
  return {
    target: current.target,
    current,
    first: detections.at(-1)!.midpoint,
    detections: detections.length,
    psf: perBand(detections, source => ({ time: source.midpoint, flux: source.flux, error: source.fluxError })),
    forced: perBand(history.forced, forced => ({ time: forced.midpoint, flux: forced.flux, error: forced.fluxError })),
    science: perBand(history.forced, forced => ({ time: forced.midpoint, flux: forced.scienceFlux, error: forced.scienceFluxError }))
  }
}

function perBand<T extends DiaSource | ForcedSource> (items: readonly T[], point: (item: T) => Point): (FluxStatistics | null)[] {
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

// Maps the suffix of a field name to a statistic. Sigma and slope of a single point are NaN, which castTo turns into null.
const statisticOfSuffix: Readonly<Record<string, keyof FluxStatistics>> = {
  Mean: 'mean',
  MeanErr: 'meanError',
  Sigma: 'sigma',
  Chi2: 'chi2',
  Ndata: 'count',
  Min: 'min',
  Max: 'max',
  MaxSlope: 'maxSlope',
  ErrMean: 'errorMean'
}

const bandField = /^([ugrizy])_(psf|fp|science)Flux(\w+)$/

function bandRule (name: string): Rule<ObjectSummary> | undefined {
  const match = bandField.exec(name)
  const statistic = match === null ? undefined : statisticOfSuffix[match[3]!]
  if (match === null || statistic === undefined) return undefined
  const band = BANDS.indexOf(match[1] as typeof BANDS[number])
  const series = match[2] === 'psf' ? 'psf' : match[2] === 'fp' ? 'forced' : 'science'
  const absent = statistic === 'count' ? 0 : null
  return object => object[series][band]?.[statistic] ?? absent
}

/** Minimum number of detections for a fit of proper motion and parallax. */
const MIN_ASTROMETRIC_POINTS = 5

function astrometric (value: Rule<ObjectSummary>): Rule<ObjectSummary> {
  return (object, random) => object.detections < MIN_ASTROMETRIC_POINTS ? null : value(object, random)
}

const rules: Rules<ObjectSummary> = {
  diaObjectId: object => object.target.objectId,
  ra: object => object.target.ra,
  raErr: object => object.current.positionError / Math.sqrt(object.detections),
  dec: object => object.target.dec,
  decErr: object => object.current.positionError / Math.sqrt(object.detections),
  ra_dec_Cov: (object, random) => 0.1 * random.gaussian() * object.current.positionError * object.current.positionError / object.detections,
  radecMjdTai: object => object.current.midpoint,
  validityStartMjdTai: (object, random) => object.current.midpoint + random.between(80, 130) / 86_400,
  firstDiaSourceMjdTai: object => object.first,
  lastDiaSourceMjdTai: object => object.current.midpoint,
  nDiaSources: object => object.detections,
  pmRa: astrometric((_, random) => 10 * random.gaussian()),
  pmDec: astrometric((_, random) => 10 * random.gaussian()),
  parallax: astrometric((_, random) => random.lognormal(0.6, 1)),
  pmParallaxNdata: object => object.detections < MIN_ASTROMETRIC_POINTS ? 0 : object.detections
}

const fixedRule = ruleLookup(rules)

export function diaObjectRule (name: string): Rule<ObjectSummary> | undefined {
  const found = fixedRule(name) ?? bandRule(name)
  if (found !== undefined) return found
  if (/^(pm|parallax)/.test(name)) {
    if (name.endsWith('LnL')) return astrometric((object, random) => -random.lognormal(object.detections, 0.3))
    if (name.endsWith('Chi2')) return astrometric((object, random) => random.lognormal(object.detections, 0.3))
    if (name.endsWith('_Cov')) return astrometric((_, random) => random.gaussian())
    return astrometric((_, random) => random.lognormal(2, 0.4))
  }
  const nearby = /^nearbyObj(\d)(\w*)$/.exec(name)
  if (nearby !== null) return nearbyRule(Number(nearby[1]), nearby[2]!)
  if (/Periodic\d+$/i.test(name)) return (object, random) => object.detections < 10 ? null : random.gaussian()
  return undefined
}

// Whether a neighbour exists depends only on the object id, so the neighbour's id, distance and probability are null together.
function nearbyRule (rank: number, part: string): Rule<ObjectSummary> {
  return (object, random) => {
    const id = object.target.objectId ?? 0n
    if (Number(id % 7n) < 2 * rank - 1) return null
    if (part === 'Dist') return random.between(2, 6) * rank
    if (part === 'LnP') return -random.lognormal(3 * rank, 0.4)
    return id + BigInt(rank * 4096 + random.below(4096))
  }
}
