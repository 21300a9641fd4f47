// The light curve before today: earlier detections, forced photometry at the same place and, for old schemas, limits of
// visits that saw nothing. Lengths are lognormal with a long tail: about half of the alerts have one or none, one in a
// hundred has close to a hundred or more. Earlier visits lie in whole nights of the last year, newest first.
import { type Random } from './random.ts'
import { DETECTOR_HEIGHT, DETECTOR_WIDTH } from './sky.ts'
import { type Source, type Target, measure } from './source.ts'
import { earlierShare } from './target.ts'
import { DETECTORS, VISITS_PER_DAY, type Visit, historyId, midpointAt, visitOf } from './visits.ts'

/** Median and spread of the number of earlier detections; the mean is near 4, the longest are cut. */
export const HISTORY_MEDIAN = 1.25
export const HISTORY_SIGMA = 1.6
export const HISTORY_LIMIT = 400
const DAYS = 365
/** Visits of one night around the same clock time. */
const NIGHT = 700

/** Forced photometry of one visit at the object's place. */
export interface Forced {
  readonly id: bigint
  readonly visit: Visit
  readonly detector: number
  readonly midpoint: number
  readonly target: Target
  readonly x: number
  readonly y: number
  readonly flux: number
  readonly fluxError: number
  readonly scienceFlux: number
  readonly scienceFluxError: number
}

export interface History {
  readonly sources: readonly Source[]
  readonly forced: readonly Forced[]
  /** Visits that detected nothing. */
  readonly limits: readonly Forced[]
}

export const noHistory: History = { sources: [], forced: [], limits: [] }

/** How many earlier detections an object has. */
export function drawHistoryLength (random: Random): number {
  return Math.min(HISTORY_LIMIT, Math.floor(random.lognormal(HISTORY_MEDIAN, HISTORY_SIGMA)))
}

/** Distinct earlier visits, newest first. */
export function drawVisits (random: Random, seed: number, today: Visit, count: number): Visit[] {
  const indices = new Set<number>()
  while (indices.size < count) {
    const nights = random.below(DAYS)
    const back = nights * VISITS_PER_DAY + random.below(NIGHT) - NIGHT / 2
    // A pair of the same night is at least a quarter of an hour apart.
    if (back >= 25) indices.add(today.index - back)
  }
  return [...indices].sort((a, b) => b - a).map(index => visitOf(seed, index))
}

/** The detections and forced photometry at earlier visits; the object's id must be known already. */
export function drawHistory (random: Random, seed: number, today: Source, visits: readonly Visit[]): History {
  const sources: Source[] = []
  const forced: Forced[] = []
  const limits: Forced[] = []
  const measured = new Set(visits.map(visit => visit.index))
  for (const visit of visits) {
    const detector = random.below(DETECTORS)
    const place = { detector, x: random.between(20, DETECTOR_WIDTH - 20), y: random.between(20, DETECTOR_HEIGHT - 20) }
    const days = today.midpoint - visit.midpoint
    const flux = today.flux * earlierShare(random, today.target, days, visit.band, today.visit.band)
    const found = Math.max(Math.abs(flux), visit.fluxError * random.between(5.3, 7))
    const id = historyId(visit, detector, random.below(1 << 20))
    const source = measure(random, { id, visit, target: today.target, flux: flux < 0 ? -found : found, ...place })
    sources.push(source)
    forced.push(photometry(random, source.visit, today.target, source.flux, place))
    // The field is visited more often than the object is found.
    const index = visit.index - 3 - random.below(20)
    if (random.chance(0.6) && !measured.has(index)) {
      measured.add(index)
      const other = visitOf(seed, index)
      const missed = photometry(random, other, today.target, other.fluxError * random.gaussian(), place)
      forced.push(missed)
      limits.push(missed)
    }
  }
  forced.sort((a, b) => b.midpoint - a.midpoint)
  limits.sort((a, b) => b.midpoint - a.midpoint)
  return { sources, forced, limits }
}

function photometry (random: Random, visit: Visit, target: Target, flux: number, { detector, x, y }: { detector: number, x: number, y: number }): Forced {
  const template = target.template[visit.band]!
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
    scienceFlux: template + flux + 0.2 * visit.fluxError * random.gaussian(),
    scienceFluxError: visit.fluxError * random.between(0.9, 1)
  }
}
