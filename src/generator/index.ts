// Realistic, deterministic survey alerts for any version of the survey's alert schema: light curves, solar-system
// objects, FITS cutouts, the design's mean size and gzip ratio. An alert is a pure function of the generator's seed and
// schema version and of (visit, index, alertsInVisit): the same on any machine and in any order.
import { type StampSizes, CUTOUT_MIX, createCutoutRenderer } from './cutouts.ts'
import { generatorErrors } from './errors.ts'
import { type Builder, type Rule, compileRecord } from './fields.ts'
import { type Forced, drawHistory, drawHistoryLength, drawVisits, noHistory } from './history.ts'
import { Random } from './random.ts'
import { forcedRule, sourceRule } from './rules-source.ts'
import { type ObjectView, objectRule, viewObject } from './rules-object.ts'
import { type SolarView, solarRule, viewAsteroid } from './rules-solar.ts'
import { type RecordType, type Type, parseAlertSchema } from './schema.ts'
import { DETECTOR_HEIGHT, DETECTOR_WIDTH, skyOf } from './sky.ts'
import { type Source, measure } from './source.ts'
import { drawKind, drawSignal, drawTarget } from './target.ts'
import { type Pointing, type Visit, DETECTORS, alertId, historyId, pointingOf, visitOf } from './visits.ts'

export { CUTOUT_MIX } from './cutouts.ts'
export { DETECTORS, SHUTTER_SECONDS, VISIT_SECONDS } from './visits.ts'

/** Highest visit number and number of alerts in a visit for which ids stay unique. */
export const MOST_VISITS = 1_000_000
export const MOST_ALERTS_IN_VISIT = 2_000_000

export interface AlertGeneratorOptions {
  /** Parsed JSON of the alert record's schema, self-contained: named types at their first use, by name later. */
  readonly schema: unknown
  /** Major and minor number, for example `11.1`; part of the seed. */
  readonly schemaVersion: string
  readonly seed: number
}

export interface AlertGenerator {
  /**
   * Alert `index` (from 0) of visit `visit` (from 0) that has `alertsInVisit` alerts. Alerts of a visit are ordered by
   * detector, so their mid-points never decrease and alert 0 has the earliest. The value follows avsc's conventions:
   * unions unwrapped, `long` as bigint, bytes as Buffer. Throws GENERATOR_OUT_OF_RANGE.
   */
  alert (visit: number, index: number, alertsInVisit: number): Record<string, unknown>
}

/** What one alert is made of, before it is laid out by the schema. */
interface Scene {
  readonly source: Source
  readonly sources: readonly Source[]
  readonly forced: readonly Forced[]
  readonly limits: readonly Forced[]
  readonly object: ObjectView | null
  readonly solar: SolarView | null
  readonly reason: string
  readonly field: string
  readonly cutouts: Readonly<Record<string, Buffer>>
}

/** Compiles the schema; throws GENERATOR_SCHEMA_UNUSABLE where it is not an alert's. */
export function createAlertGenerator ({ schema, schemaVersion, seed }: AlertGeneratorOptions): AlertGenerator {
  const build = compileAlert(parseAlertSchema(schema))
  const render = createCutoutRenderer(seed)
  let visit: Visit | undefined
  let pointing: Pointing | undefined

  return {
    alert (number, index, alertsInVisit) {
      check(number, index, alertsInVisit)
      if (visit === undefined || pointing === undefined || visit.index !== number) {
        visit = visitOf(seed, number)
        pointing = pointingOf(seed, visit)
      }
      const random = new Random(seed, 'alert', number, index)
      const detector = Math.floor(index * DETECTORS / alertsInVisit)
      // Float32, as the fields x and y hold them: the cutouts' WCS is then exact.
      const x = Math.fround(random.between(20, DETECTOR_WIDTH - 20))
      const y = Math.fround(random.between(20, DETECTOR_HEIGHT - 20))
      const sky = skyOf(pointing, detector, x, y)
      const kind = drawKind(random)
      const signal = drawSignal(random)
      const negative = kind === 'transient' || kind === 'moving' ? false : random.chance(0.45)
      const flux = signal * visit.fluxError * (negative ? -1 : 1)
      const id = alertId(visit, detector, index)
      const moving = kind === 'moving'
      const earlier = moving ? [] : drawVisits(random, seed, visit, kind === 'artefact' ? random.below(2) : drawHistoryLength(random))
      const oldest = earlier.at(-1)
      const target = drawTarget(random, kind, sky, flux, visit.band, {
        // The survey names an object after its first detection.
        objectId: moving ? null : oldest === undefined ? id : historyId(oldest, random.below(DETECTORS), random.below(1 << 20)),
        ssObjectId: moving ? 20_000_000_000_000_000n + BigInt(random.below(2_147_483_648)) * 1_000_003n : null
      })
      const measured = measure(random, { id, visit, detector, target, x, y, flux })
      // Above the survey's threshold whatever the errors came out as, and exactly where the WCS says.
      const floor = 5.01 * measured.fluxError
      const source: Source = { ...measured, ra: sky.ra, dec: sky.dec, flux: Math.abs(flux) >= floor ? flux : negative ? -floor : floor }
      const history = moving ? noHistory : drawHistory(random, seed, source, earlier)
      const scene: Scene = {
        source,
        ...history,
        object: moving ? null : viewObject(source, history),
        solar: moving ? viewAsteroid(source) : null,
        reason: visitReason(seed, visit),
        field: visitField(seed, visit),
        cutouts: { ...render(new Random(seed, 'pixels', number, index), source, sky, stampSizes(seed, number, index)) }
      }
      return build(scene, new Random(seed, 'fields', schemaVersion, number, index))
    }
  }
}

function check (visit: number, index: number, alertsInVisit: number): void {
  const whole = Number.isInteger(visit) && Number.isInteger(index) && Number.isInteger(alertsInVisit)
  if (!whole || visit < 0 || visit >= MOST_VISITS || index < 0 || index >= alertsInVisit || alertsInVisit > MOST_ALERTS_IN_VISIT) {
    throw generatorErrors.GENERATOR_OUT_OF_RANGE(`there is no alert ${index} of ${alertsInVisit} in visit ${visit}`)
  }
}

// One alert of each group is large, so that even a small file has the mean size of a large one.
function stampSizes (seed: number, visit: number, index: number): StampSizes {
  const group = Math.floor(index / CUTOUT_MIX.period)
  const large = new Random(seed, 'stamps', visit, group).below(CUTOUT_MIX.period)
  return index % CUTOUT_MIX.period === large ? CUTOUT_MIX.large : CUTOUT_MIX.usual
}

const REASONS = ['pairs_ri_33.0', 'pairs_gr_33.0', 'pairs_iz_33.0', 'blob_long', 'greedy', 'ddf']
const FIELDS = ['lowdust', 'nes', 'galplane', 'scp', 'bulgy', 'ddf_cosmos', 'ddf_ecdfs']

function visitReason (seed: number, visit: Visit): string {
  return REASONS[new Random(seed, 'reason', Math.floor(visit.index / 27)).below(REASONS.length)]!
}

function visitField (seed: number, visit: Visit): string {
  return FIELDS[new Random(seed, 'field', visit.index).below(FIELDS.length)]!
}

function compileAlert (alert: RecordType): Builder<Scene> {
  const names = new Set(alert.fields.map(field => field.name))
  if (!names.has('diaSource') || !(names.has('diaSourceId') || names.has('alertId'))) {
    throw generatorErrors.GENERATOR_SCHEMA_UNUSABLE('the record is no alert: it has no diaSource, or neither diaSourceId nor alertId', { where: alert.name })
  }
  return compileRecord<Scene>(alert, alertRule)
}

function alertRule (name: string, type: Type): Rule<Scene> | undefined {
  const { branch } = type
  switch (name) {
    case 'alertId':
    case 'diaSourceId': return scene => scene.source.id
    case 'observation_reason': return scene => scene.reason
    case 'target_name': return scene => scene.field
    case 'cutoutDifference': return scene => scene.cutouts['difference']
    case 'cutoutScience': return scene => scene.cutouts['science']
    case 'cutoutTemplate': return scene => scene.cutouts['template']
  }
  if (branch.kind === 'array' && branch.items.branch.kind === 'record') return listRule(name, branch.items.branch)
  if (branch.kind !== 'record') return undefined
  switch (name) {
    case 'diaSource': {
      const build = compileRecord<Source>(branch, sourceRule)
      return (scene, random) => build(scene.source, random)
    }
    case 'diaObject': {
      const build = compileRecord<ObjectView>(branch, objectRule)
      return (scene, random) => scene.object === null ? null : build(scene.object, random)
    }
    case 'ssSource':
    case 'ssObject':
    case 'MPCORB':
    case 'mpc_orbits': {
      const build = compileRecord<SolarView>(branch, solarRule)
      return (scene, random) => scene.solar === null ? null : build(scene.solar, random)
    }
    default: return undefined
  }
}

// An object without a past has null, not an empty list, as in the survey.
function listRule (name: string, record: RecordType): Rule<Scene> | undefined {
  const list = <C>(build: Builder<C>, items: readonly C[], random: Random): Record<string, unknown>[] | null =>
    items.length === 0 ? null : items.map(item => build(item, random))
  switch (name) {
    case 'prvDiaSources': {
      const build = compileRecord<Source>(record, sourceRule)
      return (scene, random) => list(build, scene.sources, random)
    }
    case 'prvDiaForcedSources': {
      const build = compileRecord<Forced>(record, forcedRule)
      return (scene, random) => list(build, scene.forced, random)
    }
    case 'prvDiaNondetectionLimits': {
      const build = compileRecord<Forced>(record, forcedRule)
      return (scene, random) => list(build, scene.limits, random)
    }
    default: return undefined
  }
}
