// The light curve before the current visit: earlier detections, forced photometry and, for old schemas, upper limits from visits without a
// detection. The number of earlier detections is lognormal. Earlier visits span the last year, newest first.
import { measure, type DiaSource, type FitFractions, type Target } from './dia-source.ts'
import type { EarlierVisits } from './earlier-visits.ts'
import { DETECTOR_HEIGHT, DETECTOR_WIDTH } from './focal-plane.ts'
import type { Random } from './random.ts'
import { drawFluxRatio } from './target.ts'
import { DETECTORS, HISTORY_IDS, historyId, midpointAt, type Visit } from './visits.ts'

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

/** Lognormal distribution of the number of earlier detections, cut at `longest`. `sigma`: standard deviation of the logarithm. */
export interface HistoryLengths {
  readonly median: number
  readonly sigma: number
  readonly longest: number
}

export function drawHistoryLength (random: Random, { median, sigma, longest }: HistoryLengths): number {
  return Math.min(longest, Math.floor(random.lognormal(median, sigma)))
}

/** @param visits the visits of the earlier detections, newest first, drawn from `earlier` */
export function drawHistory (
  random: Random, current: DiaSource, visits: readonly Visit[], earlier: EarlierVisits, fits: FitFractions
): History {
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
    const id = historyId(visit, detector, random.below(HISTORY_IDS))
    const source = measure(random, { id, visit, target, flux: flux < 0 ? -size : size, ...position }, fits)
    sources.push(source)
    forced.push(drawForcedSource(random, visit, target, source.flux, position))
    // Often adds a visit without a detection.
    const index = earlier.drawQuiet(random, visit)
    if (random.chance(0.6) && !measuredVisits.has(index)) {
      measuredVisits.add(index)
      const other = earlier.visitAt(index)
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
    id: historyId(visit, detector, random.below(HISTORY_IDS)),
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
