// What the fields of ssSource, ssObject and the orbit records (MPCORB, mpc_orbits) hold: a main-belt asteroid near
// opposition, with distances, velocities, magnitudes and orbit of the right size and consistent where that is cheap.
import { DEGREE, atan2, cos, ln, sin } from './exact.ts'
import { type Rule, type Rules, table } from './fields.ts'
import { Random } from './random.ts'
import { type Source } from './source.ts'
import { wrap } from './visits.ts'

/** One asteroid at one time. */
export interface SolarView {
  readonly source: Source
  readonly designation: string
  readonly packed: string
  /** Semi-major axis (au), eccentricity, inclination, node, perihelion argument, mean anomaly (degrees). */
  readonly a: number
  readonly e: number
  readonly i: number
  readonly node: number
  readonly argperi: number
  readonly anomaly: number
  /** Sun-object and observer-object distances, au. */
  readonly helio: number
  readonly topo: number
  /** Unit vector towards the object. */
  readonly direction: readonly [number, number, number]
  readonly magnitude: number
  readonly h: number
  readonly observations: number
}

const LETTERS = 'ABCDEFGHJKLMNOPQRSTUVWXYZ'
const OBLIQUITY = 23.4392911 * DEGREE
const YEAR_DAYS = 365.25

/** The asteroid that a source shows; it depends on nothing but its ssObjectId and the source. */
export function viewAsteroid (source: Source): SolarView {
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
    packed: `${year < 2000 ? 'J' : 'K'}${String(year % 100).padStart(2, '0')}${half}${String(cycle).padStart(2, '0')}${letter}`,
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

function ecliptic (view: SolarView): { longitude: number, latitude: number } {
  const [x, y, z] = view.direction
  return spherical(x, cos(OBLIQUITY) * y + sin(OBLIQUITY) * z, cos(OBLIQUITY) * z - sin(OBLIQUITY) * y)
}

// Rows of the rotation from equatorial (J2000) to galactic coordinates.
const GALACTIC = [[-0.0548755604, -0.8734370902, -0.4838350155], [0.4941094279, -0.4448296300, 0.7469822445], [-0.8676661490, -0.1980763734, 0.4559837762]] as const

function galactic (view: SolarView): { longitude: number, latitude: number } {
  const [x, y, z] = view.direction
  const [p, q, r] = GALACTIC.map(row => row[0] * x + row[1] * y + row[2] * z) as [number, number, number]
  return spherical(p, q, r)
}

const AXES = ['x', 'y', 'z']

const rules: Rules<SolarView> = {
  diaSourceId: view => view.source.id,
  ssObjectId: view => view.source.target.ssObjectId,
  id: view => Number((view.source.target.ssObjectId ?? 0n) % 2_000_000n),
  designation: view => view.designation,
  unpacked_primary_provisional_designation: view => view.designation,
  packed_primary_provisional_designation: view => view.packed,
  mpc_orb_jsonb: () => null,
  eclLambda: view => ecliptic(view).longitude,
  eclBeta: view => ecliptic(view).latitude,
  galLon: view => galactic(view).longitude,
  galLat: view => galactic(view).latitude,
  elongation: (_, random) => random.between(100, 178),
  phaseAngle: (_, random) => random.between(1, 22),
  helioRange: view => view.helio,
  topoRange: view => view.topo,
  helioRangeRate: (_, random) => 2 * random.gaussian(),
  topoRangeRate: (_, random) => 12 * random.gaussian(),
  helio_vtot: view => 29.78 / Math.sqrt(view.helio),
  topo_vtot: view => 29.78 - 29.78 / Math.sqrt(view.helio) * 0.9,
  ephRa: (view, random) => view.source.ra + view.source.positionError * random.gaussian(),
  ephDec: (view, random) => view.source.dec + view.source.positionError * random.gaussian(),
  ephVmag: (view, random) => view.magnitude + 0.2 * random.gaussian(),
  ephRate: (_, random) => random.between(0.1, 0.4),
  ephRateRa: (_, random) => -random.between(0.1, 0.35),
  ephRateDec: (_, random) => 0.08 * random.gaussian(),
  ephOffset: (_, random) => random.lognormal(0.08, 0.5),
  ephOffsetRa: (_, random) => 0.06 * random.gaussian(),
  ephOffsetDec: (_, random) => 0.06 * random.gaussian(),
  ephOffsetAlongTrack: (_, random) => 0.06 * random.gaussian(),
  ephOffsetCrossTrack: (_, random) => 0.06 * random.gaussian(),
  diaDistanceRank: () => 1,
  a: view => view.a,
  e: view => view.e,
  i: view => view.i,
  q: view => view.a * (1 - view.e),
  node: view => view.node,
  lan: view => view.node,
  argperi: view => view.argperi,
  aop: view => view.argperi,
  mean_anomaly: view => view.anomaly,
  period: view => YEAR_DAYS * view.a * Math.sqrt(view.a),
  mean_motion: view => 360 / (YEAR_DAYS * view.a * Math.sqrt(view.a)),
  peri_time: view => Math.floor(view.source.midpoint) - view.anomaly / 360 * YEAR_DAYS * view.a * Math.sqrt(view.a),
  epoch_mjd: view => Math.floor(view.source.midpoint / 200) * 200,
  epoch: view => Math.floor(view.source.midpoint / 200) * 200,
  h: view => view.h,
  g: () => 0.15,
  earth_moid: view => Math.max(0.01, view.a * (1 - view.e) - 1.01),
  MOIDEarth: view => Math.max(0.01, view.a * (1 - view.e) - 1.01),
  MOID: view => Math.max(0.01, view.a * (1 - view.e) - 1.01),
  tisserand_J: view => 5.2 / view.a + 2 * Math.sqrt(view.a / 5.2 * (1 - view.e * view.e)) * cos(view.i * DEGREE),
  yarkovsky: () => null,
  srp: () => null,
  a1: () => null,
  a2: () => null,
  a3: () => null,
  dt: () => null,
  yarkovsky_unc: () => null,
  srp_unc: () => null,
  a1_unc: () => null,
  a2_unc: () => null,
  a3_unc: () => null,
  dt_unc: () => null,
  orbit_type_int: () => 11,
  u_param: (_, random) => random.below(4),
  nopp: (_, random) => 2 + random.below(15),
  nobs_total: view => view.observations * 3,
  nobs_total_sel: view => view.observations * 3 - 2,
  arc_length_total: (_, random) => random.between(1000, 9000),
  arc_length_sel: (_, random) => random.between(900, 1000),
  normalized_rms: (_, random) => random.between(0.2, 0.7),
  not_normalized_rms: (_, random) => random.between(0.2, 0.7),
  created_at: view => view.source.midpoint - 400,
  updated_at: view => view.source.midpoint - 3,
  fitting_datetime: view => view.source.midpoint - 3,
  nObs: view => view.observations,
  arc: (_, random) => random.between(20, 360),
  firstObservationMjdTai: (view, random) => view.source.midpoint - random.between(20, 360),
  discoverySubmissionDate: () => null,
  extendednessMax: (_, random) => random.between(0.1, 0.3),
  extendednessMedian: (_, random) => random.between(0.03, 0.1),
  extendednessMin: (_, random) => random.between(0, 0.03),
  flags: () => 0
}

const own = table(rules)

/** The rule of a field of any solar-system record. */
export function solarRule (name: string): Rule<SolarView> | undefined {
  const found = own(name)
  if (found !== undefined) return found
  const vector = /^(helio|topo)_(v?)([xyz])$/.exec(name)
  if (vector !== null) {
    const axis = AXES.indexOf(vector[3]!)
    const from = vector[1] as 'helio' | 'topo'
    return vector[2] === 'v'
      ? (view, random) => 17 / Math.sqrt(view.helio) * random.gaussian()
      : view => view[from] * view.direction[axis]!
  }
  if (/^[ugrizy]_H$/.test(name)) return (view, random) => view.h + 0.3 * random.gaussian()
  if (/^[ugrizy]_G\d*$/.test(name)) return (_, random) => random.between(0.1, 0.6)
  if (/^[ugrizy]_nObs/.test(name)) return view => Math.floor(view.observations / 6)
  if (/phaseAngleMin$/.test(name)) return (_, random) => random.between(0.5, 6)
  if (/phaseAngleMax$/.test(name)) return (_, random) => random.between(12, 24)
  if (/_unc$/.test(name)) return (_, random) => random.lognormal(1e-6, 1)
  return undefined
}

function spherical (x: number, y: number, z: number): { longitude: number, latitude: number } {
  return { longitude: wrap(atan2(y, x) / DEGREE), latitude: atan2(z, Math.sqrt(x * x + y * y)) / DEGREE }
}
