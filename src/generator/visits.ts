// The visits of the simulated survey: id, exposure midpoint, band, seeing and pointing of visit number n. A visit is a pure function of
// (seed, n), and negative n are earlier visits, so light curves of different alerts agree. Ids are packed like the ids of the survey.
import { dateText } from '../ids/night.ts'
import { encodeId, rubinIds, visitNumber } from '../ids/packed-id.ts'
import { DEGREE } from './portable-math.ts'
import { Random } from './random.ts'

/** Seconds between the midpoints of consecutive visits. */
const VISIT_SECONDS = 37
/** Time that the shutter takes to cross the field of view, from the first to the last detector. */
const SHUTTER_SECONDS = 0.9
export const DETECTORS = 189
export const BANDS = ['u', 'g', 'r', 'i', 'z', 'y'] as const
export const VISITS_PER_DAY = 2335

const FIRST_DAY = Date.UTC(2026, 10, 23) / 86_400_000
const FIRST_SEQUENCE = 123
/** Tag of ids from prompt processing. */
const PROMPT = 2
const COUNTER_BITS = BigInt(rubinIds.bits.counter)
const UNIX_EPOCH_MJD = 40587
/** Number of consecutive visits that share a band and an observation reason. */
export const VISITS_PER_BLOCK = 27

/** First counter in ids of earlier detections. Counters in alert ids are smaller, so the ids never collide. */
const HISTORY_COUNTER = 1 << 18
/** Number of ids for earlier detections in each visit and detector. */
export const HISTORY_IDS = 1 << 18

/** 1-sigma flux error of a faint point source in each band, nJy at 0.8 arcsec seeing. */
const BAND_NOISE = [230, 95, 130, 200, 380, 850] as const
/** Fraction of visit blocks in each band, cumulative in the order of BANDS. */
const BAND_FRACTIONS = [0.07, 0.16, 0.38, 0.61, 0.8, 1] as const

export interface Visit {
  readonly index: number
  /** Day of observation and sequence number, for example 2026112300123. */
  readonly id: bigint
  /** Index into BANDS. */
  readonly band: number
  /** Exposure midpoint at detector 0, MJD TAI. */
  readonly midpoint: number
  /** FWHM of the PSF, arcsec. */
  readonly seeing: number
  /** 1-sigma flux error of a faint point source, nJy. */
  readonly fluxError: number
  /** The packed id with detector 0 and counter 0. */
  readonly firstId: bigint
}

/** Direction of the boresight in degrees and rotation of the camera in radians. */
export interface Pointing {
  readonly ra: number
  readonly dec: number
  readonly rotation: number
}

/** Visit 0 is the first generated visit. Visits with negative indices are earlier. */
export function visitOf (seed: number, index: number): Visit {
  const count = FIRST_SEQUENCE + index
  const day = FIRST_DAY + Math.floor(count / VISITS_PER_DAY)
  const sequence = count - (day - FIRST_DAY) * VISITS_PER_DAY
  const band = bandOf(seed, index)
  const night = { night: formatDay(day), sequence }
  const random = new Random(seed, 'visit', index)
  const seeing = 0.8 + random.between(-0.15, 0.2)
  return {
    index,
    id: visitNumber(night),
    band,
    // Sequence number 0 is at 0 h TAI of the next calendar day, which is evening in Chile.
    midpoint: FIRST_DAY + UNIX_EPOCH_MJD + 1 + count * VISIT_SECONDS / 86_400,
    seeing,
    fluxError: BAND_NOISE[band]! * (seeing / 0.8) * random.between(0.85, 1.2),
    firstId: encodeId({ ...night, tag: PROMPT, detector: 0, counter: 0 })
  }
}

/** Band of a visit, as an index into BANDS. */
export function bandOf (seed: number, index: number): number {
  const block = new Random(seed, 'band', Math.floor(index / VISITS_PER_BLOCK)).unit()
  return BAND_FRACTIONS.findIndex(fraction => block < fraction)
}

/** Draws a pointing with an hour angle of at most 40 degrees at Cerro Pachon. */
export function pointingOf (seed: number, visit: Visit): Pointing {
  const random = new Random(seed, 'pointing', visit.index)
  const siderealTime = 280.46061837 + 360.98564736629 * (visit.midpoint - 51_544.5) - 70.7494
  return {
    ra: wrap(siderealTime + random.between(-40, 40)),
    dec: random.between(-68, 3),
    rotation: random.between(-80, 80) * DEGREE
  }
}

/** Exposure midpoint at one detector, MJD TAI. */
export function midpointAt (visit: Visit, detector: number): number {
  return visit.midpoint + SHUTTER_SECONDS * detector / (DETECTORS - 1) / 86_400
}

/** Id of the alert `index` (from 0) of one visit and detector. Ids are unique for indices below 2^18 - 1. */
export function alertId (visit: Visit, detector: number, index: number): bigint {
  return packId(visit, detector, index + 1)
}

/** Id of an earlier detection. `salt` (0 to HISTORY_IDS - 1) distinguishes detections of the same visit and detector. */
export function historyId (visit: Visit, detector: number, salt: number): bigint {
  return packId(visit, detector, HISTORY_COUNTER + salt)
}

function packId (visit: Visit, detector: number, counter: number): bigint {
  return visit.firstId + ((BigInt(detector) << COUNTER_BITS) | BigInt(counter))
}

function formatDay (day: number): string {
  return dateText(day * 86_400_000)
}

/** Normalizes an angle in degrees to the range [0, 360). */
export function wrap (degrees: number): number {
  return ((degrees % 360) + 360) % 360
}
