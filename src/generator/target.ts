// Draws the object behind an alert: what kind it is, how bright in which band, what stands in the template, and how its
// flux has differed from the template before.
import { power } from './exact.ts'
import { type Random } from './random.ts'
import { type Host, type Kind, type Target } from './source.ts'

/** Shares of the kinds of alert, cumulative: most are variable stars; a few per cent are solar-system objects. */
const KINDS: readonly (readonly [number, Kind])[] = [[0.58, 'variable'], [0.74, 'transient'], [0.86, 'nucleus'], [0.9, 'moving'], [1, 'artefact']]

/** Flux of typical colours relative to r, ugrizy. */
const COLOURS: Readonly<Record<Kind, readonly number[]>> = {
  variable: [0.25, 0.65, 1, 1.2, 1.3, 1.35],
  transient: [0.5, 1, 1, 0.9, 0.8, 0.75],
  nucleus: [0.7, 0.85, 1, 1.1, 1.15, 1.2],
  moving: [0.3, 0.75, 1, 1.05, 1, 0.95],
  artefact: [1, 1, 1, 1, 1, 1]
}

export function drawKind (random: Random): Kind {
  const at = random.unit()
  return KINDS.find(([share]) => at < share)![1]
}

/** Signal-to-noise of a detection: a power law from the survey's threshold of 5, at most 1,500. */
export function drawSignal (random: Random): number {
  return Math.min(1500, 5.05 * power(1 - random.unit(), -0.75))
}

/** The object, given the flux of its detection today (nJy, in the given band). */
export function drawTarget (random: Random, kind: Kind, where: { ra: number, dec: number }, flux: number, band: number, ids: Pick<Target, 'objectId' | 'ssObjectId'>): Target {
  const colours = COLOURS[kind]
  const size = Math.abs(flux)
  const inR = kind === 'variable'
    ? size / random.between(0.15, 0.9) / colours[band]!
    : kind === 'nucleus' || kind === 'artefact' ? size * random.between(1, 4) / colours[band]! : 0
  return {
    kind,
    ...where,
    template: colours.map(colour => inR * colour),
    host: kind === 'nucleus' || (kind === 'transient' && random.chance(0.8)) ? drawHost(random, kind, size) : null,
    ...ids
  }
}

function drawHost (random: Random, kind: Kind, flux: number): Host {
  const off = kind === 'nucleus' ? 0.2 : 2.5
  return {
    dx: off * random.gaussian(),
    dy: off * random.gaussian(),
    width: random.between(5, 10),
    stretch: random.between(0.5, 1),
    flux: Math.min(flux * random.lognormal(3, 0.8), 2e6)
  }
}

/** The share of today's flux that the object showed `days` earlier in another band. */
export function earlierShare (random: Random, target: Target, days: number, band: number, bandToday: number): number {
  const colours = COLOURS[target.kind]
  const colour = colours[band]! / colours[bandToday]!
  switch (target.kind) {
    case 'variable': return colour * random.between(0.3, 1.2) * (random.chance(0.45) ? -1 : 1)
    case 'transient': return colour * Math.max(0.05, 1 + 0.25 * random.gaussian() - Math.min(0.9, days / 60) * 0.5)
    case 'nucleus': return colour * (0.8 + 0.5 * random.gaussian())
    case 'moving': return colour
    case 'artefact': return random.between(0.4, 1.5) * (random.chance(0.5) ? -1 : 1)
  }
}
