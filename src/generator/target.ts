// Generates the random properties of an alert's object: kind, colours, template fluxes, host galaxy, and the fluxes of earlier visits.
import type { Host, Kind, Target } from './dia-source.ts'
import { power } from './portable-math.ts'
import type { Random } from './random.ts'

/** Cumulative fractions of alerts per kind. */
const KIND_FRACTIONS: readonly (readonly [number, Kind])[] = [
  [0.58, 'variable'], [0.74, 'transient'], [0.86, 'agn'], [0.9, 'moving'], [1, 'artefact']
]

/** Typical flux in each band (ugrizy), relative to the flux in the r band. */
const COLOURS: Readonly<Record<Kind, readonly number[]>> = {
  variable: [0.25, 0.65, 1, 1.2, 1.3, 1.35],
  transient: [0.5, 1, 1, 0.9, 0.8, 0.75],
  agn: [0.7, 0.85, 1, 1.1, 1.15, 1.2],
  moving: [0.3, 0.75, 1, 1.05, 1, 0.95],
  artefact: [1, 1, 1, 1, 1, 1]
}

export function drawKind (random: Random): Kind {
  const value = random.unit()
  return KIND_FRACTIONS.find(([fraction]) => value < fraction)![1]
}

/** Draws a signal-to-noise ratio from a power law, from just above the detection threshold of 5 up to 1,500. */
export function drawSnr (random: Random): number {
  return Math.min(1500, 5.05 * power(1 - random.unit(), -0.75))
}

/** Draws the object, given the flux (nJy) and band of its current detection. */
export function drawTarget (
  random: Random, kind: Kind, position: { ra: number, dec: number }, flux: number, band: number,
  ids: Pick<Target, 'objectId' | 'ssObjectId'>
): Target {
  const size = Math.abs(flux)
  return {
    kind,
    ra: position.ra,
    dec: position.dec,
    templateFluxes: drawTemplateFluxes(random, kind, size, band),
    host: kind === 'agn' || (kind === 'transient' && random.chance(0.8)) ? drawHost(random, kind, size) : null,
    ...ids
  }
}

function drawTemplateFluxes (random: Random, kind: Kind, flux: number, band: number): number[] {
  const colours = COLOURS[kind]
  let rFlux = 0
  if (kind === 'variable') rFlux = flux / random.between(0.15, 0.9) / colours[band]!
  if (kind === 'agn' || kind === 'artefact') rFlux = flux * random.between(1, 4) / colours[band]!
  return colours.map(colour => rFlux * colour)
}

function drawHost (random: Random, kind: Kind, flux: number): Host {
  const offset = kind === 'agn' ? 0.2 : 2.5
  return {
    dx: offset * random.gaussian(),
    dy: offset * random.gaussian(),
    fwhm: random.between(5, 10),
    axisRatio: random.between(0.5, 1),
    flux: Math.min(flux * random.lognormal(3, 0.8), 2e6)
  }
}

/** Draws the ratio of the object's flux `days` ago in `band` to its current flux in `currentBand`. */
export function drawFluxRatio (random: Random, kind: Kind, days: number, band: number, currentBand: number): number {
  const colours = COLOURS[kind]
  const colour = colours[band]! / colours[currentBand]!
  switch (kind) {
    case 'variable': return colour * random.between(0.3, 1.2) * (random.chance(0.45) ? -1 : 1)
    case 'transient': return colour * Math.max(0.05, 1 + 0.25 * random.gaussian() - Math.min(0.9, days / 60) * 0.5)
    case 'agn': return colour * (0.8 + 0.5 * random.gaussian())
    case 'moving': return colour
    case 'artefact': return random.between(0.4, 1.5) * (random.chance(0.5) ? -1 : 1)
  }
}
