// The calendar of the simulated survey: what visit number n is called, when it was taken, in which band and where the
// camera pointed. A visit is a pure function of (seed, n), negative n are the past, so the visits of a light curve agree
// between alerts. Identifiers pack day, sequence, detector and counter as the survey's 64-bit ids do (18 digits).
import { DEGREE } from './exact.ts'
import { Random } from './random.ts'

/** Seconds between the mid-points of two visits. */
export const VISIT_SECONDS = 37
/** Seconds by which the shutter's travel delays the last detector against the first. */
export const SHUTTER_SECONDS = 0.9
export const DETECTORS = 189
export const BANDS = ['u', 'g', 'r', 'i', 'z', 'y'] as const
/** Visits in 24 hours: a night of the past is a whole number of these away. */
export const VISITS_PER_DAY = 2335

const FIRST_DAY = Date.UTC(2026, 10, 23) / 86_400_000
const FIRST_SEQUENCE = 123
const ID_EPOCH = Date.UTC(2005, 0, 1) / 86_400_000
const VISITS_PER_BAND = 27
const UNIX_EPOCH_MJD = 40587

/** Ids made of alerts count from 1, those of earlier detections from here, so that they never meet. */
const HISTORY_COUNTER = 1 << 21

/** 1-sigma error of a faint point source's flux in each band, nJy at 0.8 arcsec seeing. */
const BAND_NOISE = [230, 95, 130, 200, 380, 850] as const
/** How often a block of visits is taken in each band, cumulative. */
const BAND_SHARES = [0.07, 0.16, 0.38, 0.61, 0.8, 1] as const

export interface Visit {
  readonly index: number
  /** Day of observation and sequence number, as in 2026112300123. */
  readonly id: bigint
  /** Index into BANDS. */
  readonly band: number
  /** Mid-point of the exposure at detector 0, MJD TAI. */
  readonly midpoint: number
  /** Width of a star's image, arcsec. */
  readonly seeing: number
  /** 1-sigma error of a faint point source's flux, nJy. */
  readonly fluxError: number
  /** Bits of the 64-bit ids above the detector. */
  readonly packed: bigint
}

/** Where the camera pointed, degrees. */
export interface Pointing {
  readonly ra: number
  readonly dec: number
  readonly rotation: number
}

/** Visit number `index`: 0 is the first that is generated, negative numbers are history. */
export function visitOf (seed: number, index: number): Visit {
  const count = FIRST_SEQUENCE + index
  const day = FIRST_DAY + Math.floor(count / VISITS_PER_DAY)
  const sequence = count - (day - FIRST_DAY) * VISITS_PER_DAY
  const block = new Random(seed, 'band', Math.floor(index / VISITS_PER_BAND)).unit()
  const band = BAND_SHARES.findIndex(share => block < share)
  const random = new Random(seed, 'visit', index)
  const seeing = 0.8 + random.between(-0.15, 0.2)
  return {
    index,
    id: BigInt(dayText(day)) * 100_000n + BigInt(sequence),
    band,
    // The first night's sequence starts at 0 h TAI of the day after its name, the evening in Chile.
    midpoint: FIRST_DAY + UNIX_EPOCH_MJD + 1 + count * VISIT_SECONDS / 86_400,
    seeing,
    fluxError: BAND_NOISE[band]! * (seeing / 0.8) * random.between(0.85, 1.2),
    packed: (BigInt(day - ID_EPOCH) << 15n) | BigInt(sequence)
  }
}

/** The pointing of a visit: up to 40 degrees of hour angle around the site's meridian. */
export function pointingOf (seed: number, visit: Visit): Pointing {
  const random = new Random(seed, 'pointing', visit.index)
  const sidereal = 280.46061837 + 360.98564736629 * (visit.midpoint - 51_544.5) - 70.7494
  return {
    ra: wrap(sidereal + random.between(-40, 40)),
    dec: random.between(-68, 3),
    rotation: random.between(-80, 80) * DEGREE
  }
}

/** Mid-point of one detector's exposure, MJD TAI. */
export function midpointAt (visit: Visit, detector: number): number {
  return visit.midpoint + SHUTTER_SECONDS * detector / (DETECTORS - 1) / 86_400
}

/** The id of the alert at `index` of its visit: unique over visits and indices below 2^21. */
export function alertId (visit: Visit, detector: number, index: number): bigint {
  return pack(visit, detector, index + 1)
}

/** The id of an earlier detection; `salt` is any 20-bit number. */
export function historyId (visit: Visit, detector: number, salt: number): bigint {
  return pack(visit, detector, HISTORY_COUNTER + salt)
}

function pack (visit: Visit, detector: number, counter: number): bigint {
  return (((visit.packed << 8n) | BigInt(detector)) << 22n) | BigInt(counter)
}

function dayText (day: number): string {
  return new Date(day * 86_400_000).toISOString().slice(0, 10).replaceAll('-', '')
}

/** An angle in degrees brought to 0..360. */
export function wrap (degrees: number): number {
  return ((degrees % 360) + 360) % 360
}
