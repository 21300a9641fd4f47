// Rules for the fields of ssSource, ssObject and the orbit records (MPCORB, mpc_orbits) of a main-belt asteroid near opposition.
// Distances, velocities, magnitudes and orbital elements are plausible but only partly consistent with each other.
import type { DiaSource } from './dia-source.ts'
import { DEGREE, atan2, cos, ln, sin } from './portable-math.ts'
import { Random } from './random.ts'
import { ruleLookup, type Rule, type Rules } from './record-builder.ts'
import { wrap } from './visits.ts'

/** An asteroid at the time of a detection. */
export interface Asteroid {
  readonly source: DiaSource
  /** Provisional designation, unpacked (`2019 AB12`) and in the packed form of the Minor Planet Center. */
  readonly designation: string
  readonly packedDesignation: string
  /** Semi-major axis (au) and eccentricity. Angles in degrees: inclination, longitude of node, argument of perihelion, mean anomaly. */
  readonly a: number
  readonly e: number
  readonly i: number
  readonly node: number
  readonly argperi: number
  readonly anomaly: number
  /** Heliocentric and topocentric distances, au. */
  readonly helio: number
  readonly topo: number
  /** Unit vector towards the asteroid in equatorial coordinates. */
  readonly direction: readonly [number, number, number]
  readonly magnitude: number
  /** Absolute magnitude. */
  readonly h: number
  readonly observations: number
}

// Letters in provisional designations: all except I.
const LETTERS = 'ABCDEFGHJKLMNOPQRSTUVWXYZ'
const OBLIQUITY = 23.4392911 * DEGREE
const YEAR_DAYS = 365.25

/** The asteroid depends only on the detection and its ssObjectId. */
export function drawAsteroid (source: DiaSource): Asteroid {
  const random = new Random('asteroid', String(source.target.ssObjectId))
  const year = 1995 + random.below(30)
  const half = LETTERS[random.below(24)]!
  const letter = LETTERS[random.below(25)]!
  const cycle = random.below(100)
  const a = random.between(2.1, 3.3)
  const e = random.between(0.01, 0.3)
  const helio = a * (1 + e * random.between(-0.9, 0.9))
  const topo = helio - random.between(0.75, 0.95)
  const ra = source.ra * DEGREE
  const dec = source.dec * DEGREE
  const magnitude = 31.4 - 2.5 * ln(Math.abs(source.flux)) / Math.LN10
  return {
    source,
    designation: `${year} ${half}${letter}${cycle === 0 ? '' : cycle}`,
    packedDesignation: `${year < 2000 ? 'J' : 'K'}${String(year % 100).padStart(2, '0')}${half}${String(cycle).padStart(2, '0')}${letter}`,
    a,
    e,
    i: random.between(0, 25),
    node: random.between(0, 360),
    argperi: random.between(0, 360),
    anomaly: random.between(0, 360),
    helio,
    topo,
    direction: [cos(dec) * cos(ra), cos(dec) * sin(ra), sin(dec)],
    magnitude,
    h: magnitude - 5 * ln(helio * topo) / Math.LN10,
    observations: 5 + random.below(200)
  }
}

function ecliptic ({ direction: [x, y, z] }: Asteroid): { longitude: number, latitude: number } {
  return spherical(x, cos(OBLIQUITY) * y + sin(OBLIQUITY) * z, cos(OBLIQUITY) * z - sin(OBLIQUITY) * y)
}

// Rotation matrix from equatorial (J2000) to galactic coordinates.
const GALACTIC = [
  [-0.0548755604, -0.8734370902, -0.4838350155],
  [0.4941094279, -0.4448296300, 0.7469822445],
  [-0.8676661490, -0.1980763734, 0.4559837762]
] as const

function galactic ({ direction: [x, y, z] }: Asteroid): { longitude: number, latitude: number } {
  const [p, q, r] = GALACTIC.map(row => row[0] * x + row[1] * y + row[2] * z) as [number, number, number]
  return spherical(p, q, r)
}

function spherical (x: number, y: number, z: number): { longitude: number, latitude: number } {
  return { longitude: wrap(atan2(y, x) / DEGREE), latitude: atan2(z, Math.sqrt(x * x + y * y)) / DEGREE }
}

function periodDays ({ a }: Asteroid): number {
  return YEAR_DAYS * a * Math.sqrt(a)
}

function earthMoid ({ a, e }: Asteroid): number {
  return Math.max(0.01, a * (1 - e) - 1.01)
}

// Non-gravitational parameters and other fields that are not measured.
const UNMEASURED = [
  'mpc_orb_jsonb', 'discoverySubmissionDate', ...['yarkovsky', 'srp', 'a1', 'a2', 'a3', 'dt'].flatMap(name => [name, `${name}_unc`])
]

const AXES = ['x', 'y', 'z']

const rules: Rules<Asteroid> = {
  diaSourceId: asteroid => asteroid.source.id,
  ssObjectId: asteroid => asteroid.source.target.ssObjectId,
  id: asteroid => Number((asteroid.source.target.ssObjectId ?? 0n) % 2_000_000n),
  designation: asteroid => asteroid.designation,
  unpacked_primary_provisional_designation: asteroid => asteroid.designation,
  packed_primary_provisional_designation: asteroid => asteroid.packedDesignation,
  eclLambda: asteroid => ecliptic(asteroid).longitude,
  eclBeta: asteroid => ecliptic(asteroid).latitude,
  galLon: asteroid => galactic(asteroid).longitude,
  galLat: asteroid => galactic(asteroid).latitude,
  elongation: (_, random) => random.between(100, 178),
  phaseAngle: (_, random) => random.between(1, 22),
  helioRange: asteroid => asteroid.helio,
  topoRange: asteroid => asteroid.topo,
  helioRangeRate: (_, random) => 2 * random.gaussian(),
  topoRangeRate: (_, random) => 12 * random.gaussian(),
  helio_vtot: asteroid => 29.78 / Math.sqrt(asteroid.helio),
  topo_vtot: asteroid => 29.78 - 29.78 / Math.sqrt(asteroid.helio) * 0.9,
  ephRa: (asteroid, random) => asteroid.source.ra + asteroid.source.positionError * random.gaussian(),
  ephDec: (asteroid, random) => asteroid.source.dec + asteroid.source.positionError * random.gaussian(),
  ephVmag: (asteroid, random) => asteroid.magnitude + 0.2 * random.gaussian(),
  ephRate: (_, random) => random.between(0.1, 0.4),
  ephRateRa: (_, random) => -random.between(0.1, 0.35),
  ephRateDec: (_, random) => 0.08 * random.gaussian(),
  ephOffset: (_, random) => random.lognormal(0.08, 0.5),
  ephOffsetRa: (_, random) => 0.06 * random.gaussian(),
  ephOffsetDec: (_, random) => 0.06 * random.gaussian(),
  ephOffsetAlongTrack: (_, random) => 0.06 * random.gaussian(),
  ephOffsetCrossTrack: (_, random) => 0.06 * random.gaussian(),
  diaDistanceRank: () => 1,
  a: asteroid => asteroid.a,
  e: asteroid => asteroid.e,
  i: asteroid => asteroid.i,
  q: asteroid => asteroid.a * (1 - asteroid.e),
  node: asteroid => asteroid.node,
  lan: asteroid => asteroid.node,
  argperi: asteroid => asteroid.argperi,
  aop: asteroid => asteroid.argperi,
  mean_anomaly: asteroid => asteroid.anomaly,
  period: periodDays,
  mean_motion: asteroid => 360 / periodDays(asteroid),
  peri_time: asteroid => Math.floor(asteroid.source.midpoint) - asteroid.anomaly / 360 * YEAR_DAYS * asteroid.a * Math.sqrt(asteroid.a),
  epoch_mjd: asteroid => Math.floor(asteroid.source.midpoint / 200) * 200,
  h: asteroid => asteroid.h,
  g: () => 0.15,
  earth_moid: earthMoid,
  MOIDEarth: earthMoid,
  MOID: earthMoid,
  tisserand_J: asteroid => 5.2 / asteroid.a + 2 * Math.sqrt(asteroid.a / 5.2 * (1 - asteroid.e * asteroid.e)) * cos(asteroid.i * DEGREE),
  ...Object.fromEntries(UNMEASURED.map(name => [name, () => null])),
  orbit_type_int: () => 11,
  u_param: (_, random) => random.below(4),
  nopp: (_, random) => 2 + random.below(15),
  nobs_total: asteroid => asteroid.observations * 3,
  nobs_total_sel: asteroid => asteroid.observations * 3 - 2,
  arc_length_total: (_, random) => random.between(1000, 9000),
  arc_length_sel: (_, random) => random.between(900, 1000),
  normalized_rms: (_, random) => random.between(0.2, 0.7),
  not_normalized_rms: (_, random) => random.between(0.2, 0.7),
  created_at: asteroid => asteroid.source.midpoint - 400,
  updated_at: asteroid => asteroid.source.midpoint - 3,
  fitting_datetime: asteroid => asteroid.source.midpoint - 3,
  nObs: asteroid => asteroid.observations,
  arc: (_, random) => random.between(20, 360),
  firstObservationMjdTai: (asteroid, random) => asteroid.source.midpoint - random.between(20, 360),
  extendednessMax: (_, random) => random.between(0.1, 0.3),
  extendednessMedian: (_, random) => random.between(0.03, 0.1),
  extendednessMin: (_, random) => random.between(0, 0.03)
}

const fixedRule = ruleLookup(rules)

export function solarSystemRule (name: string): Rule<Asteroid> | undefined {
  const found = fixedRule(name)
  if (found !== undefined) return found
  const vector = /^(helio|topo)_(v?)([xyz])$/.exec(name)
  if (vector !== null) {
    const axis = AXES.indexOf(vector[3]!)
    const origin = vector[1] as 'helio' | 'topo'
    return vector[2] === 'v'
      ? (asteroid, random) => 17 / Math.sqrt(asteroid.helio) * random.gaussian()
      : asteroid => asteroid[origin] * asteroid.direction[axis]!
  }
  if (/^[ugrizy]_H$/.test(name)) return (asteroid, random) => asteroid.h + 0.3 * random.gaussian()
  if (/^[ugrizy]_G\d*$/.test(name)) return (_, random) => random.between(0.1, 0.6)
  if (/^[ugrizy]_nObs/.test(name)) return asteroid => Math.floor(asteroid.observations / 6)
  if (/phaseAngleMin$/.test(name)) return (_, random) => random.between(0.5, 6)
  if (/phaseAngleMax$/.test(name)) return (_, random) => random.between(12, 24)
  if (/_unc$/.test(name)) return (_, random) => random.lognormal(1e-6, 1)
  return undefined
}
