// The light curve before the current visit: earlier detections, forced photometry and, for old schemas, upper limits from visits without a
// detection. The number of earlier detections is lognormal: about half of the alerts have at most one, and about 1 % have 100 or more.
// Earlier visits span the last year, newest first.
import { measure, type DiaSource, type Target } from './dia-source.ts'
import { DETECTOR_HEIGHT, DETECTOR_WIDTH } from './focal-plane.ts'
import { type Random } from './random.ts'
import { drawFluxRatio } from './target.ts'
import { DETECTORS, VISITS_PER_DAY, historyId, midpointAt, visitOf, type Visit } from './visits.ts'

/** Lognormal distribution of the number of earlier detections; the mean is near 4. */
const LENGTH_MEDIAN = 1.25
const LENGTH_SIGMA = 1.6
const MAX_LENGTH = 400
const DAYS = 365
/** Earlier visits are at most VISITS_PER_NIGHT / 2 visits from the same time of night as the current visit. */
const VISITS_PER_NIGHT = 700
/** Minimum number of visits between an earlier detection and the current visit: about 15 minutes. */
const MIN_VISITS_APART = 25

/** Forced photometry of one visit at the position of the object. Fluxes are in nJy. */
export type ForcedSource = Pick<DiaSource,
  'id' | 'visit' | 'detector' | 'midpoint' | 'target' | 'x' | 'y' | 'flux' | 'fluxError' | 'scienceFlux' | 'scienceFluxError'>

export interface History {
  readonly sources: readonly DiaSource[]
  /** Forced photometry of all earlier visits, including `nondetections`. */
  readonly forced: readonly ForcedSource[]
  readonly nondetections: readonly ForcedSource[]
}

export const noHistory: History = { sources: [], forced: [], nondetections: [] }

export function drawHistoryLength (random: Random): number {
  return Math.min(MAX_LENGTH, Math.floor(random.lognormal(LENGTH_MEDIAN, LENGTH_SIGMA)))
}

/** Draws `count` distinct earlier visits, newest first. */
export function drawEarlierVisits (random: Random, seed: number, current: Visit, count: number): Visit[] {
  const indices = new Set<number>()
  while (indices.size < count) {
    const nights = random.below(DAYS)
    const visitsAgo = nights * VISITS_PER_DAY + random.below(VISITS_PER_NIGHT) - VISITS_PER_NIGHT / 2
    if (visitsAgo >= MIN_VISITS_APART) indices.add(current.index - visitsAgo)
  }
  return [...indices].sort((a, b) => b - a).map(index => visitOf(seed, index))
}

export function drawHistory (random: Random, seed: number, current: DiaSource, visits: readonly Visit[]): History {
  const { target } = current
  const sources: DiaSource[] = []
  const forced: ForcedSource[] = []
  const nondetections: ForcedSource[] = []
  const measuredVisits = new Set(visits.map(visit => visit.index))
  for (const visit of visits) {
    const detector = random.below(DETECTORS)
    const position = { detector, x: random.between(20, DETECTOR_WIDTH - 20), y: random.between(20, DETECTOR_HEIGHT - 20) }
    const days = current.midpoint - visit.midpoint
    const flux = current.flux * drawFluxRatio(random, target.kind, days, visit.band, current.visit.band)
    // The flux of an earlier detection is above the detection threshold.
    const size = Math.max(Math.abs(flux), visit.fluxError * random.between(5.3, 7))
    const id = historyId(visit, detector, random.below(1 << 20))
    const source = measure(random, { id, visit, target, flux: flux < 0 ? -size : size, ...position })
    sources.push(source)
    forced.push(drawForcedSource(random, visit, target, source.flux, position))
    // Often adds a visit without a detection, shortly before this one.
    const index = visit.index - 3 - random.below(20)
    if (random.chance(0.6) && !measuredVisits.has(index)) {
      measuredVisits.add(index)
      const other = visitOf(seed, index)
      const nondetection = drawForcedSource(random, other, target, other.fluxError * random.gaussian(), position)
      forced.push(nondetection)
      nondetections.push(nondetection)
    }
  }
  forced.sort((a, b) => b.midpoint - a.midpoint)
  nondetections.sort((a, b) => b.midpoint - a.midpoint)
  return { sources, forced, nondetections }
}

function drawForcedSource (
  random: Random, visit: Visit, target: Target, flux: number, { detector, x, y }: Pick<ForcedSource, 'detector' | 'x' | 'y'>
): ForcedSource {
  return {
    id: historyId(visit, detector, random.below(1 << 20)),
    visit,
    detector,
    midpoint: midpointAt(visit, detector),
    target,
    x,
    y,
    flux: flux + 0.2 * visit.fluxError * random.gaussian(),
    fluxError: visit.fluxError * random.between(0.95, 1.05),
    scienceFlux: target.templateFluxes[visit.band]! + flux + 0.2 * visit.fluxError * random.gaussian(),
    scienceFluxError: visit.fluxError * random.between(0.9, 1)
  }
}
