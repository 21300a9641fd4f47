// Rules for the fields of diaSource, diaForcedSource and diaNondetectionLimit, by canonical name (field-names.ts).
import type { DiaSource } from './dia-source.ts'
import type { ForcedSource } from './history.ts'
import type { Random } from './random.ts'
import { ruleLookup, type Rule, type Rules } from './record-builder.ts'
import { BANDS } from './visits.ts'

const ARCSEC = 3600
const EXPOSURE_SECONDS = 30
/** Typical time from exposure to processing, days. The survey processes a visit within two minutes. */
const PROCESSING_DAYS = 95 / 86_400
/** Probability that a measurement fails, so that its field is null. */
const FAILURE_FRACTION = 0.01

/** Fraction of sources with a flag set, for flags that `flagFractions` does not list. */
const DEFAULT_FLAG_FRACTION = 0.003
const flagFractions: Readonly<Record<string, number>> = {
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

function snr (source: DiaSource): number {
  return Math.abs(source.flux) / source.fluxError
}

// Second moment of a round Gaussian with the FWHM of the PSF, arcsec^2.
function moment (source: DiaSource): number {
  const sigma = source.fwhm * 0.2 / 2.3548
  return sigma * sigma
}

// Returns a rule that gives null for a small fraction of sources (failed measurements) and the result of `value` for all others.
function sometimesNull (value: Rule<DiaSource>): Rule<DiaSource> {
  return (source, random) => random.chance(FAILURE_FRACTION) ? null : value(source, random)
}

// Returns a rule that gives null for sources to which no trail model was fitted, and the result of `value` for all others.
function trailFit (value: Rule<DiaSource>): Rule<DiaSource> {
  return (source, random) => source.trailed ? value(source, random) : null
}

function dipoleFit (value: Rule<DiaSource>): Rule<DiaSource> {
  return (source, random) => source.dipole ? value(source, random) : null
}

// Draws a score from 0 to 1, usually near 1 if `high` is true and near 0 if `high` is false.
function drawScore (random: Random, high: boolean): number {
  const low = random.unit() * random.unit()
  return high ? 1 - low : low
}

const pixelError = (source: DiaSource): number => source.positionError * ARCSEC / 0.2

const diaSourceRules: Rules<DiaSource> = {
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
  apFlux: sometimesNull(source => source.apFlux),
  apFluxErr: sometimesNull(source => source.apFluxError),
  isNegative: source => source.flux < 0,
  snr,
  psfFlux: source => source.flux,
  psfFluxErr: source => source.fluxError,
  psfRa: (source, random) => source.ra + 0.1 * source.positionError * random.gaussian(),
  psfRaErr: source => source.positionError,
  psfDec: (source, random) => source.dec + 0.1 * source.positionError * random.gaussian(),
  psfDecErr: source => source.positionError,
  psfLnL: (_, random) => -random.lognormal(850, 0.1),
  psfChi2: (_, random) => random.lognormal(1681, 0.08),
  psfNdata: () => 1681,
  trailFlux: trailFit((source, random) => source.flux * random.between(0.95, 1.1)),
  trailRa: trailFit((source, random) => source.ra + source.positionError * random.gaussian()),
  trailDec: trailFit((source, random) => source.dec + source.positionError * random.gaussian()),
  trailLength: trailFit((source, random) => source.target.kind === 'moving' ? random.lognormal(0.6, 0.7) : random.lognormal(0.15, 0.4)),
  trailAngle: trailFit((_, random) => random.between(0, 360)),
  trailChi2: trailFit((_, random) => random.lognormal(1681, 0.08)),
  trailLnL: trailFit((_, random) => -random.lognormal(850, 0.1)),
  trailNdata: source => source.trailed ? 1681 : 0,
  trailAlgorithm: trailFit(() => 1),
  dipoleMeanFlux: dipoleFit((source, random) => Math.abs(source.flux) * random.between(0.5, 1)),
  dipoleFluxDiff: dipoleFit((source, random) => source.flux * random.between(0.1, 0.9)),
  dipoleRa: dipoleFit((source, random) => source.ra + source.positionError * random.gaussian()),
  dipoleDec: dipoleFit((source, random) => source.dec + source.positionError * random.gaussian()),
  dipoleLength: dipoleFit((_, random) => random.lognormal(0.5, 0.5)),
  dipoleAngle: dipoleFit((_, random) => random.between(0, 360)),
  dipoleChi2: dipoleFit((_, random) => random.lognormal(1681, 0.08)),
  dipoleLnL: dipoleFit((_, random) => -random.lognormal(850, 0.1)),
  dipoleNdata: source => source.dipole ? 1681 : 0,
  isDipole: (source, random) => source.dipole && source.target.kind === 'artefact' && random.chance(0.5),
  dipoleFitAttempted: source => source.dipole,
  scienceFlux: sometimesNull(source => source.scienceFlux),
  scienceFluxErr: sometimesNull(source => source.scienceFluxError),
  templateFlux: sometimesNull(source => source.templateFlux),
  templateFluxErr: sometimesNull(source => source.templateFluxError),
  diffFlux: source => source.flux,
  diffFluxErr: source => source.fluxError,
  snapDiffFlux: () => null,
  snapDiffFluxErr: () => null,
  fpBkgd: (source, random) => source.pixelNoise * 0.1 * random.gaussian(),
  fpBkgdErr: source => source.pixelNoise * 0.05,
  ixx: sometimesNull((source, random) => moment(source) * (1 + random.gaussian() / snr(source))),
  iyy: sometimesNull((source, random) => moment(source) * (1 + random.gaussian() / snr(source))),
  ixy: sometimesNull((source, random) => moment(source) * 0.5 * random.gaussian() / snr(source)),
  ixxErr: source => moment(source) / snr(source),
  iyyErr: source => moment(source) / snr(source),
  ixyErr: source => 0.5 * moment(source) / snr(source),
  ixxPSF: (source, random) => moment(source) * random.between(0.97, 1.03),
  iyyPSF: (source, random) => moment(source) * random.between(0.97, 1.03),
  ixyPSF: (source, random) => moment(source) * 0.03 * random.gaussian(),
  extendedness: (source, random) => drawScore(random, source.target.host !== null),
  reliability: (source, random) => drawScore(random, source.target.kind !== 'artefact'),
  reliabilityVersion: () => '1.0',
  spuriousness: (source, random) => drawScore(random, source.target.kind === 'artefact'),
  band: source => BANDS[source.visit.band]!,
  timeProcessedMjdTai: (source, random) => source.midpoint + PROCESSING_DAYS * random.between(0.8, 1.4),
  timeWithdrawnMjdTai: () => null,
  bboxSize: (source, random) => 20 + Math.floor(random.below(12) + Math.min(40, Math.sqrt(snr(source)))),
  flags: () => 0,
  centroid_flag: (_, random) => random.chance(0.004),
  glint_trail: (_, random) => random.chance(0.002)
}

const fluxError: Rule<DiaSource> = (source, random) => source.fluxError * random.between(1, 1.3)
const angularError: Rule<DiaSource> = (source, random) => source.positionError * random.between(1, 1.3)
const lengthError: Rule<DiaSource> = (source, random) => source.positionError * ARCSEC * random.between(0.8, 1.4)
const angleError: Rule<DiaSource> = (source, random) => Math.min(90, 60 / snr(source)) * random.between(0.8, 1.2)

function errorRule (name: string): Rule<DiaSource> | undefined {
  if (/Flux\w*Err$/.test(name)) return fluxError
  if (/(Ra|Dec)Err$/.test(name)) return angularError
  if (/LengthErr$/.test(name)) return lengthError
  if (/AngleErr$/.test(name)) return angleError
  return undefined
}

// Draws the covariance of two weakly correlated quantities from the errors of both.
function covarianceRule (name: string): Rule<DiaSource> | undefined {
  const [, firstName, secondName] = /^(\w+?)_(\w+)_Cov$/.exec(name) ?? []
  const first = errorRule(`${firstName}Err`)
  const second = errorRule(`${secondName}Err`)
  if (first === undefined || second === undefined) return undefined
  return (source, random) => 0.15 * random.gaussian() * Number(first(source, random)) * Number(second(source, random))
}

const fixedRule = ruleLookup(diaSourceRules)

export function diaSourceRule (name: string): Rule<DiaSource> | undefined {
  const found = fixedRule(name)
  if (found !== undefined) return found
  if (/^pixelFlags|flag/.test(name)) {
    const fraction = flagFractions[name] ?? DEFAULT_FLAG_FRACTION
    return (_, random) => random.chance(fraction)
  }
  const derived = errorRule(name) ?? covarianceRule(name)
  if (derived === undefined) return undefined
  if (name.startsWith('trail')) return trailFit(derived)
  if (name.startsWith('dipole')) return dipoleFit(derived)
  return derived
}

const forcedSourceRules: Rules<ForcedSource> = {
  diaForcedSourceId: forced => forced.id,
  diaObjectId: forced => forced.target.objectId,
  ra: forced => forced.target.ra,
  dec: forced => forced.target.dec,
  visit: forced => forced.visit.id,
  ccdVisitId: forced => forced.visit.id * 1000n + BigInt(forced.detector),
  detector: forced => forced.detector,
  x: forced => forced.x,
  y: forced => forced.y,
  psfFlux: (forced, random) => random.chance(FAILURE_FRACTION) ? null : forced.flux,
  psfFluxErr: forced => forced.fluxError,
  scienceFlux: (forced, random) => random.chance(FAILURE_FRACTION) ? null : forced.scienceFlux,
  scienceFluxErr: forced => forced.scienceFluxError,
  midpointMjdTai: forced => forced.midpoint,
  band: forced => BANDS[forced.visit.band]!,
  timeProcessedMjdTai: (forced, random) => forced.midpoint + PROCESSING_DAYS * random.between(0.8, 1.4),
  timeWithdrawnMjdTai: () => null,
  diaNoise: forced => forced.fluxError
}

export const forcedSourceRule = ruleLookup(forcedSourceRules)
