// What the fields of diaSource, diaForcedSource and diaNondetectionLimit hold, by their newest names.
import { type Rule, type Rules, table } from './fields.ts'
import { type Forced } from './history.ts'
import { type Source } from './source.ts'
import { BANDS } from './visits.ts'

const ARCSEC = 3600
const EXPOSURE_SECONDS = 30
/** Days from exposure to the record: the survey processes a visit within two minutes. */
const PROCESSING_DAYS = 95 / 86_400
/** Share of nullable measurements that failed. */
const FAILED = 0.01

/** How often a flag is set, where it is more than the usual few per mille. */
const flagShares: Readonly<Record<string, number>> = {
  pixelFlags: 0.03,
  pixelFlags_interpolated: 0.06,
  pixelFlags_interpolatedCenter: 0.02,
  pixelFlags_cr: 0.03,
  pixelFlags_streak: 0.01,
  pixelFlags_saturated: 0.008,
  shape_flag: 0.03,
  trail_flag: 0.02,
  trail_flag_edge: 0.01
}

function snr (source: Source): number {
  return Math.abs(source.flux) / source.fluxError
}

// Second moments of a round Gaussian of this width, arcsec^2.
function moment (source: Source): number {
  const sigma = source.width * 0.2 / 2.3548
  return sigma * sigma
}

/** A measurement that fails now and then. */
function measured (value: Rule<Source>): Rule<Source> {
  return (source, random) => random.chance(FAILED) ? null : value(source, random)
}

const pixelError = (source: Source): number => source.positionError * ARCSEC / 0.2

const sourceRules: Rules<Source> = {
  diaSourceId: source => source.id,
  visit: source => source.visit.id,
  ccdVisitId: source => source.visit.id * 1000n + BigInt(source.detector),
  detector: source => source.detector,
  diaObjectId: source => source.target.objectId,
  ssObjectId: source => source.target.ssObjectId,
  parentDiaSourceId: (source, random) => random.chance(0.03) ? source.id + 1n + BigInt(random.below(900)) : null,
  programId: () => 1,
  midpointMjdTai: source => source.midpoint,
  exposureTime: () => EXPOSURE_SECONDS,
  ra: source => source.ra,
  raErr: source => source.positionError,
  dec: source => source.dec,
  decErr: (source, random) => source.positionError * random.between(0.95, 1.05),
  ra_dec_Cov: (source, random) => 0.1 * random.gaussian() * source.positionError * source.positionError,
  x: source => source.x,
  xErr: pixelError,
  y: source => source.y,
  yErr: (source, random) => pixelError(source) * random.between(0.95, 1.05),
  x_y_Cov: (source, random) => 0.1 * random.gaussian() * pixelError(source) * pixelError(source),
  apFlux: measured(source => source.apFlux),
  apFluxErr: measured(source => source.apFluxError),
  isNegative: source => source.flux < 0,
  snr: snr,
  psfFlux: source => source.flux,
  psfFluxErr: source => source.fluxError,
  psfRa: (source, random) => source.ra + 0.1 * source.positionError * random.gaussian(),
  psfRaErr: source => source.positionError,
  psfDec: (source, random) => source.dec + 0.1 * source.positionError * random.gaussian(),
  psfDecErr: source => source.positionError,
  psfLnL: (_, random) => -random.lognormal(850, 0.1),
  psfChi2: (_, random) => random.lognormal(1681, 0.08),
  psfNdata: () => 1681,
  trailFlux: (source, random) => source.trailed ? source.flux * random.between(0.95, 1.1) : null,
  trailRa: (source, random) => source.trailed ? source.ra + source.positionError * random.gaussian() : null,
  trailDec: (source, random) => source.trailed ? source.dec + source.positionError * random.gaussian() : null,
  trailLength: (source, random) => source.trailed ? source.target.kind === 'moving' ? random.lognormal(0.6, 0.7) : random.lognormal(0.15, 0.4) : null,
  trailAngle: (source, random) => source.trailed ? random.between(0, 360) : null,
  trailChi2: (source, random) => source.trailed ? random.lognormal(1681, 0.08) : null,
  trailLnL: (source, random) => source.trailed ? -random.lognormal(850, 0.1) : null,
  trailNdata: source => source.trailed ? 1681 : 0,
  trailAlgorithm: source => source.trailed ? 1 : null,
  dipoleMeanFlux: (source, random) => source.dipole ? Math.abs(source.flux) * random.between(0.5, 1) : null,
  dipoleFluxDiff: (source, random) => source.dipole ? source.flux * random.between(0.1, 0.9) : null,
  dipoleRa: (source, random) => source.dipole ? source.ra + source.positionError * random.gaussian() : null,
  dipoleDec: (source, random) => source.dipole ? source.dec + source.positionError * random.gaussian() : null,
  dipoleLength: (source, random) => source.dipole ? random.lognormal(0.5, 0.5) : null,
  dipoleAngle: (source, random) => source.dipole ? random.between(0, 360) : null,
  dipoleChi2: (source, random) => source.dipole ? random.lognormal(1681, 0.08) : null,
  dipoleLnL: (source, random) => source.dipole ? -random.lognormal(850, 0.1) : null,
  dipoleNdata: source => source.dipole ? 1681 : 0,
  isDipole: (source, random) => source.dipole && source.target.kind === 'artefact' && random.chance(0.5),
  dipoleFitAttempted: source => source.dipole,
  scienceFlux: measured(source => source.scienceFlux),
  scienceFluxErr: measured(source => source.scienceFluxError),
  templateFlux: measured(source => source.templateFlux),
  templateFluxErr: measured(source => source.templateFluxError),
  diffFlux: source => source.flux,
  diffFluxErr: source => source.fluxError,
  snapDiffFlux: () => null,
  snapDiffFluxErr: () => null,
  fpBkgd: (source, random) => source.pixelNoise * 0.1 * random.gaussian(),
  fpBkgdErr: source => source.pixelNoise * 0.05,
  ixx: measured((source, random) => moment(source) * (1 + random.gaussian() / snr(source))),
  iyy: measured((source, random) => moment(source) * (1 + random.gaussian() / snr(source))),
  ixy: measured((source, random) => moment(source) * 0.5 * random.gaussian() / snr(source)),
  ixxErr: source => moment(source) / snr(source),
  iyyErr: source => moment(source) / snr(source),
  ixyErr: source => 0.5 * moment(source) / snr(source),
  ixxPSF: (source, random) => moment(source) * random.between(0.97, 1.03),
  iyyPSF: (source, random) => moment(source) * random.between(0.97, 1.03),
  ixyPSF: (source, random) => moment(source) * 0.03 * random.gaussian(),
  extendedness: (source, random) => {
    const extended = random.unit() * random.unit()
    return source.target.kind === 'nucleus' || source.target.host !== null ? 1 - extended : extended
  },
  reliability: (source, random) => {
    const doubt = random.unit() * random.unit()
    return source.target.kind === 'artefact' ? doubt : 1 - doubt
  },
  reliabilityVersion: () => '1.0',
  spuriousness: (source, random) => {
    const doubt = random.unit() * random.unit()
    return source.target.kind === 'artefact' ? 1 - doubt : doubt
  },
  band: source => BANDS[source.visit.band]!,
  timeProcessedMjdTai: (source, random) => source.midpoint + PROCESSING_DAYS * random.between(0.8, 1.4),
  timeWithdrawnMjdTai: () => null,
  bboxSize: (source, random) => 20 + Math.floor(random.below(12) + Math.min(40, Math.sqrt(snr(source)))),
  flags: () => 0,
  centroid_flag: (_, random) => random.chance(0.004),
  glint_trail: (_, random) => random.chance(0.002)
}

// Names that exist for each part of a model: its errors and covariances are absent where the model was not fitted.
function ofModel (fitted: (source: Source) => boolean, value: Rule<Source>): Rule<Source> {
  return (source, random) => fitted(source) ? value(source, random) : null
}

const fluxError: Rule<Source> = (source, random) => source.fluxError * random.between(1, 1.3)
const angularError: Rule<Source> = (source, random) => source.positionError * random.between(1, 1.3)
const lengthError: Rule<Source> = (source, random) => source.positionError * ARCSEC * random.between(0.8, 1.4)
const angleError: Rule<Source> = (source, random) => Math.min(90, 60 / snr(source)) * random.between(0.8, 1.2)

function errorRule (name: string): Rule<Source> | undefined {
  if (/Flux\w*Err$/.test(name)) return fluxError
  if (/(Ra|Dec)Err$/.test(name)) return angularError
  if (/LengthErr$/.test(name)) return lengthError
  if (/AngleErr$/.test(name)) return angleError
  return undefined
}

/** A covariance of two quantities with these errors and a weak correlation. */
function covarianceRule (name: string): Rule<Source> | undefined {
  const parts = /^(\w+?)_(\w+)_Cov$/.exec(name)
  const first = parts === null ? undefined : errorRule(`${parts[1]!}Err`)
  const second = parts === null ? undefined : errorRule(`${parts[2]!}Err`)
  if (first === undefined || second === undefined) return undefined
  return (source, random) => 0.15 * random.gaussian() * Number(first(source, random)) * Number(second(source, random))
}

const lookUpSource = table(sourceRules)

/** The rule of a diaSource's field. */
export function sourceRule (name: string): Rule<Source> | undefined {
  const own = lookUpSource(name)
  if (own !== undefined) return own
  if (/^pixelFlags|flag/.test(name)) {
    const share = flagShares[name] ?? 0.003
    return (_, random) => random.chance(share)
  }
  const derived = errorRule(name) ?? covarianceRule(name)
  if (derived === undefined) return undefined
  if (name.startsWith('trail')) return ofModel(source => source.trailed, derived)
  if (name.startsWith('dipole')) return ofModel(source => source.dipole, derived)
  return derived
}

const forcedRules: Rules<Forced> = {
  diaForcedSourceId: forced => forced.id,
  diaObjectId: forced => forced.target.objectId,
  ra: forced => forced.target.ra,
  dec: forced => forced.target.dec,
  visit: forced => forced.visit.id,
  ccdVisitId: forced => forced.visit.id * 1000n + BigInt(forced.detector),
  detector: forced => forced.detector,
  x: forced => forced.x,
  y: forced => forced.y,
  psfFlux: (forced, random) => random.chance(FAILED) ? null : forced.flux,
  psfFluxErr: forced => forced.fluxError,
  scienceFlux: (forced, random) => random.chance(FAILED) ? null : forced.scienceFlux,
  scienceFluxErr: forced => forced.scienceFluxError,
  midpointMjdTai: forced => forced.midpoint,
  band: forced => BANDS[forced.visit.band]!,
  timeProcessedMjdTai: (forced, random) => forced.midpoint + PROCESSING_DAYS * random.between(0.8, 1.4),
  timeWithdrawnMjdTai: () => null,
  diaNoise: forced => forced.fluxError,
  flags: () => 0
}

/** The rule of a field of diaForcedSource or diaNondetectionLimit. */
export const forcedRule = table(forcedRules)
