// Earlier visits from which the light curves of a visit's alerts are drawn. They span the last year.
import { Random } from './random.ts'
import { BANDS, VISITS_PER_DAY, bandOf, visitOf, type Visit } from './visits.ts'

export interface EarlierVisits {
  /** Draws at most `count` distinct visits, newest first. */
  draw (random: Random, count: number): Visit[]
  /** Draws the index of a visit in which an object that was detected in `visit` is not detected. */
  drawQuiet (random: Random, visit: Visit): number
  visitAt (index: number): Visit
}

const DAYS = 365
/** Earlier visits are at most VISITS_PER_NIGHT / 2 visits from the same time of night as the current visit. */
const VISITS_PER_NIGHT = 700
/** Minimum number of visits between an earlier detection and the current visit: about 15 minutes. */
const MIN_VISITS_APART = 25

/** Draws the index of any earlier visit. */
function drawIndex (random: Random, current: Visit): number {
  for (;;) {
    const nights = random.below(DAYS)
    const visitsAgo = nights * VISITS_PER_DAY + random.below(VISITS_PER_NIGHT) - VISITS_PER_NIGHT / 2
    if (visitsAgo >= MIN_VISITS_APART) return current.index - visitsAgo
  }
}

/** Each object has earlier visits of its own, in all bands. */
export function visitsOfObjects (seed: number, current: Visit): EarlierVisits {
  const visitAt = (index: number): Visit => visitOf(seed, index)
  return {
    draw (random, count) {
      const indices = new Set<number>()
      while (indices.size < count) indices.add(drawIndex(random, current))
      return [...indices].sort((a, b) => b - a).map(visitAt)
    },
    drawQuiet: (random, visit) => visit.index - 3 - random.below(20),
    visitAt
  }
}

/** Number of earlier visits of a field in each of its two bands. */
const FIELD_VISITS = 1000
/** Fraction of objects that were detected in one band only. */
const ONE_BAND_FRACTION = 0.7

/** The objects of a visit share the earlier visits of their field, in the band of the current visit and in one other band. */
export function visitsOfField (seed: number, current: Visit): EarlierVisits {
  const random = new Random(seed, 'field visits', current.index)
  const other = (current.band + 1 + random.below(BANDS.length - 1)) % BANDS.length
  const inBand = (band: number): Visit[] => {
    const indices = new Set<number>()
    while (indices.size < FIELD_VISITS) {
      const index = drawIndex(random, current)
      if (bandOf(seed, index) === band) indices.add(index)
    }
    return [...indices].map(index => visitOf(seed, index))
  }
  const one = inBand(current.band)
  const both = [...one, ...inBand(other)]
  const byIndex = new Map(both.map(visit => [visit.index, visit]))
  return {
    draw (random, count) {
      const visits = random.chance(ONE_BAND_FRACTION) ? one : both
      const drawn = new Set<Visit>()
      while (drawn.size < Math.min(count, visits.length)) drawn.add(visits[random.below(visits.length)]!)
      return [...drawn].sort((a, b) => b.index - a.index)
    },
    drawQuiet: random => one[random.below(one.length)]!.index,
    visitAt: index => byIndex.get(index)!
  }
}
