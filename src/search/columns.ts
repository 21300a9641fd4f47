// The columns of the index, as the API writes them. 64-bit integers are decimal strings, because JSON numbers are exact only to 2^53;
// schema ids and timestamps are exact as numbers. Binary values are hex, a UUID or base64.

interface Column {
  /** SQL expression of the value as the API writes it. */
  readonly sql: string
  readonly type: 'string' | 'integer' | 'number'
  readonly description: string
  readonly nullable?: false
}

const text = (name: string): string => `CAST("${name}" AS VARCHAR)`
const plain = (name: string): string => `"${name}"`
/** JSON has no NaN and no infinity. */
const finite = (name: string): string => `CASE WHEN isfinite("${name}") THEN "${name}" END`
const hex = (name: string): string => `lower(hex("${name}"))`

export const columns = {
  id: { sql: text('id'), type: 'string', nullable: false, description: 'Alert id in decimal digits.' },
  night: { sql: plain('night'), type: 'integer', description: 'Night (day_obs) of the id, as YYYYMMDD. Null if the id is not packed.' },
  visit: { sql: text('visit'), type: 'string', description: 'Visit in decimal digits.' },
  detector: { sql: plain('detector'), type: 'integer', description: 'Detector.' },
  diaObjectId: { sql: text('diaObjectId'), type: 'string', description: 'DIAObject in decimal digits. Null if there is none.' },
  ssObjectId: { sql: text('ssObjectId'), type: 'string', description: 'Solar system object in decimal digits. Null if there is none.' },
  midpointMjdTai: { sql: finite('midpointMjdTai'), type: 'number', description: 'Mid-point of the exposure, MJD in TAI.' },
  ra: { sql: finite('ra'), type: 'number', description: 'Right ascension, ICRS, in degrees.' },
  dec: { sql: finite('dec'), type: 'number', description: 'Declination, ICRS, in degrees.' },
  healpix29: { sql: text('healpix29'), type: 'string', description: 'HEALPix pixel of order 29, nested, in decimal digits.' },
  band: { sql: plain('band'), type: 'string', description: 'Band of the filter.' },
  psfFlux: { sql: finite('psfFlux'), type: 'number', description: 'PSF flux in nJy.' },
  psfFluxErr: { sql: finite('psfFluxErr'), type: 'number', description: 'Uncertainty of psfFlux in nJy.' },
  snr: { sql: finite('snr'), type: 'number', description: 'Signal-to-noise ratio of the detection.' },
  reliability: { sql: finite('reliability'), type: 'number', description: 'Probability that the detection is astrophysical, 0 to 1.' },
  schemaId: { sql: 'CAST("schemaId" AS DOUBLE)', type: 'integer', nullable: false, description: 'Schema id in the frame of the alert.' },
  frameBytes: { sql: plain('frameBytes'), type: 'integer', nullable: false, description: 'Length of the alert in Kafka, in bytes.' },
  sha256: { sql: hex('sha256'), type: 'string', nullable: false, description: 'SHA-256 of the alert as it was in Kafka, in hex.' },
  topic: { sql: plain('topic'), type: 'string', description: 'Kafka topic.' },
  topicId: {
    sql: `regexp_replace(${hex('topicId')}, '^(.{8})(.{4})(.{4})(.{4})', '\\1-\\2-\\3-\\4-')`, type: 'string',
    description: 'Kafka topic id, a UUID.'
  },
  partition: { sql: plain('partition'), type: 'integer', description: 'Kafka partition.' },
  offset: { sql: text('offset'), type: 'string', description: 'Kafka offset in decimal digits.' },
  timestamp: { sql: 'CAST("timestamp" AS DOUBLE)', type: 'integer', description: 'Kafka timestamp, milliseconds since 1970.' },
  key: { sql: 'to_base64("key")', type: 'string', description: 'Kafka key, base64.' }
} satisfies Readonly<Record<string, Column>>

export type ColumnName = keyof typeof columns

export const columnNames = Object.keys(columns) as readonly ColumnName[]

/** The columns of a result if the query names none. */
export const defaultColumns: readonly ColumnName[] = [
  'id', 'night', 'visit', 'detector', 'diaObjectId', 'ssObjectId', 'midpointMjdTai', 'ra', 'dec', 'band', 'psfFlux', 'psfFluxErr', 'snr',
  'reliability'
]

export function isColumn (name: string): name is ColumnName {
  return Object.hasOwn(columns, name)
}
