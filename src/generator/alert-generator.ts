// Generates simulated alerts for any version of the survey's alert schema, with light curves, solar-system objects and FITS cutouts. An
// alert depends only on profile, seed, schema version, visit, index and alertsInVisit, so it is the same on every machine and in any order
// of generation.
import { createCutoutRenderer, drawStampSizes, type Cutouts } from './cutouts.ts'
import { diaObjectRule, summarizeObject, type ObjectSummary } from './dia-object-rules.ts'
import { diaSourceRule, forcedSourceRule } from './dia-source-rules.ts'
import { measure, type DiaSource } from './dia-source.ts'
import type { EarlierVisits } from './earlier-visits.ts'
import { generatorErrors } from './errors.ts'
import { DETECTOR_HEIGHT, DETECTOR_WIDTH, pixelToSky } from './focal-plane.ts'
import { drawHistory, drawHistoryLength, noHistory, type ForcedSource, type History } from './history.ts'
import { alertProfiles, type AlertProfile, type ProfileName } from './profiles.ts'
import { Random } from './random.ts'
import { compileRecord, type Builder, type Rule } from './record-builder.ts'
import { parseAlertSchema, type RecordType, type Type } from './schema.ts'
import { drawAsteroid, solarSystemRule, type Asteroid } from './solar-system-rules.ts'
import { drawKind, drawSnr, drawTarget } from './target.ts'
import { DETECTORS, HISTORY_IDS, VISITS_PER_BLOCK, alertId, historyId, pointingOf, visitOf, type Pointing, type Visit } from './visits.ts'

const REASONS = ['pairs_ri_33.0', 'pairs_gr_33.0', 'pairs_iz_33.0', 'blob_long', 'greedy', 'ddf']
const FIELDS = ['lowdust', 'nes', 'galplane', 'scp', 'bulgy', 'ddf_cosmos', 'ddf_ecdfs']
/** Ids are unique for visits and indices below these limits. */
const MAX_VISITS = 1_000_000
const MAX_ALERTS_IN_VISIT = 2_000_000

export interface AlertGeneratorOptions {
  /** Avro schema of the alert record as parsed JSON. The schema must define each named type before using its name. */
  readonly schema: unknown
  /** Major and minor version of the schema, for example `11.1`. Together with `seed`, determines the field values. */
  readonly schemaVersion: string
  readonly seed: number
  /** Sizes, unmeasured values and cutouts of the alerts. Default: `design`. */
  readonly profile?: ProfileName
}

export interface AlertGenerator {
  /**
   * Generates alert `index` of a visit with `alertsInVisit` alerts. Both `visit` and `index` start at 0. The alerts of a visit are ordered
   * by detector, so midpoints never decrease. Unions are unwrapped, longs are bigint, bytes are Buffer. Throws GENERATOR_OUT_OF_RANGE.
   */
  alert (visit: number, index: number, alertsInVisit: number): Record<string, unknown>
}

/** The content of an alert, independent of the schema version. */
interface AlertContent extends History {
  /** The current detection. */
  readonly source: DiaSource
  readonly object: ObjectSummary | null
  readonly asteroid: Asteroid | null
  readonly reason: string
  readonly field: string
  readonly cutouts: Cutouts
}

/** Throws GENERATOR_SCHEMA_UNUSABLE if the schema is not an alert schema. */
export function createAlertGenerator ({ schema, schemaVersion, seed, profile = 'design' }: AlertGeneratorOptions): AlertGenerator {
  const { cutouts, history: lengths, earlierVisits, fits } = alertProfiles[profile]
  const build = compileAlert(parseAlertSchema(schema), alertProfiles[profile])
  const render = createCutoutRenderer(seed, cutouts.wcs)
  let visit: Visit | undefined
  let pointing: Pointing | undefined
  let earlier: EarlierVisits | undefined

  return {
    alert (visitIndex, index, alertsInVisit) {
      checkRange(visitIndex, index, alertsInVisit)
      if (visit === undefined || pointing === undefined || earlier === undefined || visit.index !== visitIndex) {
        visit = visitOf(seed, visitIndex)
        pointing = pointingOf(seed, visit)
        earlier = earlierVisits(seed, visit)
      }
      const random = new Random(seed, 'alert', visitIndex, index)
      const detector = Math.floor(index * DETECTORS / alertsInVisit)
      // The position is rounded to float32 like the fields x and y, so that the WCS of the cutouts agrees exactly with both fields.
      const x = Math.fround(random.between(20, DETECTOR_WIDTH - 20))
      const y = Math.fround(random.between(20, DETECTOR_HEIGHT - 20))
      const sky = pixelToSky(pointing, detector, x, y)
      const kind = drawKind(random)
      const snr = drawSnr(random)
      const moving = kind === 'moving'
      const negative = kind !== 'transient' && !moving && random.chance(0.45)
      const flux = snr * visit.fluxError * (negative ? -1 : 1)
      const id = alertId(visit, detector, index - Math.ceil(detector * alertsInVisit / DETECTORS))
      const visits = moving ? [] : earlier.draw(random, kind === 'artefact' ? random.below(2) : drawHistoryLength(random, lengths))
      const oldest = visits.at(-1)
      const target = drawTarget(random, kind, sky, flux, visit.band, {
        // An object's id is the id of its first detection, as in the survey.
        objectId: moving ? null : oldest === undefined ? id : historyId(oldest, random.below(DETECTORS), random.below(HISTORY_IDS)),
        ssObjectId: moving ? 20_000_000_000_000_000n + BigInt(random.below(2_147_483_648)) * 1_000_003n : null
      })
      const measured = measure(random, { id, visit, detector, target, x, y, flux }, fits)
      // Raises the absolute value of the flux to the detection threshold if necessary. Takes ra and dec from `sky`, as the WCS does.
      const threshold = 5.01 * measured.fluxError
      const source: DiaSource = {
        ...measured, ra: sky.ra, dec: sky.dec, flux: Math.abs(flux) >= threshold ? flux : negative ? -threshold : threshold
      }
      const history = moving ? noHistory : drawHistory(random, source, visits, earlier, fits)
      const content: AlertContent = {
        ...history,
        source,
        object: moving ? null : summarizeObject(source, history),
        asteroid: moving ? drawAsteroid(source) : null,
        reason: REASONS[new Random(seed, 'reason', Math.floor(visit.index / VISITS_PER_BLOCK)).below(REASONS.length)]!,
        field: FIELDS[new Random(seed, 'field', visit.index).below(FIELDS.length)]!,
        cutouts: render(new Random(seed, 'pixels', visitIndex, index), source, sky, drawStampSizes(cutouts, seed, visitIndex, index))
      }
      return build(content, new Random(seed, 'fields', schemaVersion, visitIndex, index))
    }
  }
}

function checkRange (visit: number, index: number, alertsInVisit: number): void {
  const integers = [visit, index, alertsInVisit].every(Number.isInteger)
  if (!integers || visit < 0 || visit >= MAX_VISITS || index < 0 || index >= alertsInVisit || alertsInVisit > MAX_ALERTS_IN_VISIT) {
    throw generatorErrors.GENERATOR_OUT_OF_RANGE(`out of range: visit ${visit}, index ${index}, alertsInVisit ${alertsInVisit}`)
  }
}

function compileAlert (alert: RecordType, profile: AlertProfile): Builder<AlertContent> {
  const names = new Set(alert.fields.map(field => field.name))
  if (!names.has('diaSource') || !(names.has('diaSourceId') || names.has('alertId'))) {
    throw generatorErrors.GENERATOR_SCHEMA_UNUSABLE(
      'the record is not an alert: the field diaSource is missing, or both diaSourceId and alertId are', { where: alert.name }
    )
  }
  return compileRecord<AlertContent>(alert, profile.missingNumber, (name, type) => alertRule(name, type, profile))
}

function alertRule (name: string, type: Type, { missingNumber, unmeasured }: AlertProfile): Rule<AlertContent> | undefined {
  const { branch } = type
  switch (name) {
    case 'alertId':
    case 'diaSourceId': return content => content.source.id
    case 'observation_reason': return content => content.reason
    case 'target_name': return content => content.field
    case 'cutoutDifference': return content => content.cutouts.difference
    case 'cutoutScience': return content => content.cutouts.science
    case 'cutoutTemplate': return content => content.cutouts.template
  }
  if (branch.kind === 'array' && branch.items.branch.kind === 'record') {
    return lightCurveRule(name, branch.items.branch, missingNumber)
  }
  if (branch.kind !== 'record') return undefined
  switch (name) {
    case 'diaSource': return recordRule(compileRecord<DiaSource>(branch, missingNumber, diaSourceRule), content => content.source)
    case 'diaObject': {
      const ruleFor = (name: string): Rule<ObjectSummary> | undefined => unmeasured.has(name) ? () => null : diaObjectRule(name)
      return recordRule(compileRecord<ObjectSummary>(branch, missingNumber, ruleFor), content => content.object)
    }
    case 'ssSource':
    case 'ssObject':
    case 'MPCORB':
    case 'mpc_orbits': return recordRule(compileRecord<Asteroid>(branch, missingNumber, solarSystemRule), content => content.asteroid)
    default: return undefined
  }
}

function lightCurveRule (name: string, record: RecordType, missingNumber: number | null): Rule<AlertContent> | undefined {
  switch (name) {
    case 'prvDiaSources': return listRule(compileRecord<DiaSource>(record, missingNumber, diaSourceRule), content => content.sources)
    case 'prvDiaForcedSources':
      return listRule(compileRecord<ForcedSource>(record, missingNumber, forcedSourceRule), content => content.forced)
    case 'prvDiaNondetectionLimits':
      return listRule(compileRecord<ForcedSource>(record, missingNumber, forcedSourceRule), content => content.nondetections)
    default: return undefined
  }
}

function recordRule<C> (build: Builder<C>, select: (content: AlertContent) => C | null): Rule<AlertContent> {
  return (content, random) => {
    const selected = select(content)
    return selected === null ? null : build(selected, random)
  }
}

// As in the survey, a light curve without points is null, not an empty list.
function listRule<C> (build: Builder<C>, select: (content: AlertContent) => readonly C[]): Rule<AlertContent> {
  return (content, random) => {
    const items = select(content)
    return items.length === 0 ? null : items.map(item => build(item, random))
  }
}
