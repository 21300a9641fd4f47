// Alert ids that pack the night, the visit and the detector. From the top: tag (origin of the alert), days since 2010-01-01, sequence
// number of the visit in the night, detector, counter. All alerts of a night, of a visit or of a detector of a visit have ids without gaps.
// The night is day_obs. The widths of Rubin's ids were checked on published alerts: see test/ids/packed-id.test.ts.
import { idErrors } from './errors.ts'
import { dateText } from './night.ts'

/** Widths in bits. Their sum is at most 63, so that an id is a positive Avro long. */
interface PackedIdBits {
  readonly tag: number
  readonly day: number
  readonly sequence: number
  readonly detector: number
  readonly counter: number
}

export interface PackedIdFormat {
  readonly bits: PackedIdBits
  /** Tags of the ids that are packed, in ascending order. Ids with other tags do not decode. */
  readonly tags: readonly number[]
}

/** A visit is a night and a sequence number. */
export interface VisitParts {
  /** The night (day_obs) as YYYYMMDD. */
  readonly night: string
  readonly sequence: number
}

export interface PackedIdParts extends VisitParts {
  /** Rubin: 2 for prompt processing, 4 for reprocessing. */
  readonly tag: number
  readonly detector: number
  readonly counter: number
}

export interface PackedId extends PackedIdParts {
  /** The visit as in the field `visit` of an alert: YYYYMMDD * 100000 + sequence number. */
  readonly visit: bigint
}

/** Ids from `first` to `last`, both inclusive. */
export interface IdRange { readonly first: bigint, readonly last: bigint }

const widthNames = ['tag', 'day', 'sequence', 'detector', 'counter'] as const
const nouns = { tag: 'tag', sequence: 'sequence number', detector: 'detector', counter: 'counter' } as const
const doesNotFit = 'does not fit into a packed alert id'
const dayMs = 86_400_000
const epoch = Date.UTC(2010, 0, 1)

/** Number of detectors of the camera: 189 science, 8 wavefront and 8 guide sensors. */
export const detectors = 205

export const rubinIds: PackedIdFormat = { bits: { tag: 7, day: 14, sequence: 15, detector: 8, counter: 19 }, tags: [2, 4] }

/**
 * The format from the texts of --packed-id-bits and --packed-id-tags. Error: ID_FORMAT_INVALID, also for widths with which a night or a
 * visit could not be written as YYYYMMDD and 5 digits.
 */
export function packedIdFormat (bits: string, tags: string): PackedIdFormat {
  const widths = integers(bits)
  const invalid = (what: string) => idErrors.ID_FORMAT_INVALID(`the packed ids have the widths ${bits} and the tags ${tags}: ${what}`)
  if (widths.length !== widthNames.length) throw invalid('give the widths of tag, day, sequence number, detector and counter')
  const [tag, day, sequence, detector, counter] = widths as [number, number, number, number, number]
  if (widths.some(width => !(width >= 1))) throw invalid('a width must be a whole number of at least 1')
  if (day > 21 || sequence > 16) throw invalid('the day has at most 21 bits, the sequence number at most 16')
  if (detector < 8) throw invalid('the detector has at least 8 bits')
  if (widths.reduce((sum, width) => sum + width) > 63) throw invalid('the sum of the widths must be at most 63')
  const values = integers(tags)
  if (values.length === 0 || values.some(value => !(value < 2 ** tag))) throw invalid(`tags must be whole numbers below ${2 ** tag}`)
  return { bits: { tag, day, sequence, detector, counter }, tags: [...new Set(values)].sort((a, b) => a - b) }
}

function integers (text: string): readonly number[] {
  return text.split(',').map(each => /^\s*[0-9]{1,9}\s*$/.test(each) ? Number(each) : NaN)
}

/** Error: ID_OUT_OF_RANGE if a part is too large for its width or the night is not a date from 2010-01-01. */
export function encodeId (parts: PackedIdParts, format = rubinIds): bigint {
  const values = { ...parts, day: dayOf(parts.night) }
  let id = 0n
  for (const name of widthNames) {
    const value = values[name]
    const limit = name === 'detector' ? detectors : 2 ** format.bits[name]
    if (!Number.isInteger(value) || value < 0 || value >= limit) {
      throw idErrors.ID_OUT_OF_RANGE(name === 'day' ? invalidNight(parts.night, value) : `the ${nouns[name]} ${value} ${doesNotFit}`)
    }
    id = (id << BigInt(format.bits[name])) | BigInt(value)
  }
  return id
}

function invalidNight (night: string, day: number): string {
  if (Number.isNaN(day)) return `the night ${night} is not a date (YYYYMMDD)`
  return `the night ${night} ${day < 0 ? 'is before 2010-01-01' : doesNotFit}`
}

/** Returns undefined if the id is not packed: its tag is not among the tags of the format, or the camera has no such detector. */
export function decodeId (id: bigint, format = rubinIds): PackedId | undefined {
  const parts = unpack(id, format)
  return parts.detector >= detectors || !format.tags.includes(parts.tag) ? undefined : { ...parts, visit: visitNumber(parts) }
}

/** The parts of any id, also if it is not packed. */
export function unpack (id: bigint, { bits } = rubinIds): PackedIdParts {
  const low = (width: number): number => {
    const value = Number(BigInt.asUintN(width, id))
    id >>= BigInt(width)
    return value
  }
  const counter = low(bits.counter)
  const detector = low(bits.detector)
  const sequence = low(bits.sequence)
  const night = nightOf(low(bits.day))
  return { tag: Number(id), night, sequence, detector, counter }
}

/** The last result of `nightOf`, because ids that are read one after the other are nearly always of one night. */
let known = { day: NaN, night: '' }

function nightOf (day: number): string {
  if (day !== known.day) known = { day, night: dateText(epoch + day * dayMs) }
  return known.night
}

/**
 * Ids of a night, of a visit (with `sequence`) or of a detector in a visit (with `sequence` and `detector`): one range for each tag, in
 * ascending order. Error: ID_OUT_OF_RANGE.
 */
export function idRanges (
  { night, sequence, detector }: { readonly night: string } & ({ readonly sequence?: undefined, readonly detector?: undefined } |
  { readonly sequence: number, readonly detector?: number | undefined }), format = rubinIds
): readonly IdRange[] {
  const { bits } = format
  const free = bits.counter + (detector === undefined ? bits.detector : 0) + (sequence === undefined ? bits.sequence : 0)
  return format.tags.map(tag => {
    const first = encodeId({ tag, night, sequence: sequence ?? 0, detector: detector ?? 0, counter: 0 }, format)
    return { first, last: first + (1n << BigInt(free)) - 1n }
  })
}

export function isIn ({ first, last }: IdRange, id: bigint): boolean {
  return first <= id && id <= last
}

/** The visit as in the field `visit` of an alert. */
export function visitNumber ({ night, sequence }: VisitParts): bigint {
  return BigInt(night) * 100_000n + BigInt(sequence)
}

/** Parses a visit, such as 2026022401010. Returns undefined unless the text is a date and 5 digits. */
export function parseVisit (text: string): VisitParts | undefined {
  const [, night, sequence] = /^([0-9]{8})([0-9]{5})$/.exec(text) ?? []
  return night === undefined || Number.isNaN(dayOf(night)) ? undefined : { night, sequence: Number(sequence) }
}

/** Whether the text is a date from 2010-01-01 in the form YYYYMMDD. */
export function isNight (text: string): boolean {
  return dayOf(text) >= 0
}

/** Days since 2010-01-01. NaN if the text is not a date in the form YYYYMMDD. */
function dayOf (night: string): number {
  const [, year, month, day] = /^([0-9]{4})([0-9]{2})([0-9]{2})$/.exec(night) ?? []
  if (year === undefined) return NaN
  const iso = `${year}-${month}-${day}`
  const time = Date.parse(`${iso}T00:00:00Z`)
  // Date.parse turns 30 February into 2 March.
  return Number.isNaN(time) || new Date(time).toISOString().slice(0, 10) !== iso ? NaN : (time - epoch) / dayMs
}
