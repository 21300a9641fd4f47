// The segments of the index: their keys in the index store, and what their footers say.

const prefix = 'index/v1/segments/'
/** Folder of the rows whose ids are not packed. */
export const otherNight = 'other'

export interface Segment {
  readonly key: string
  /** Night of its rows as YYYYMMDD, or `other`. */
  readonly night: string
  /** Lowest Kafka timestamp of its rows, in ms since 1970. */
  readonly firstTimestamp: number
}

/** Ids of `first` to `last`, both inclusive. */
export interface IdSpan { readonly first: bigint, readonly last: bigint }

/** Least and greatest value of a column in a segment. */
interface ColumnRange { readonly min: number | bigint, readonly max: number | bigint }

export interface SegmentStatistics {
  readonly rows: number
  /** By column. Columns without values have no range. */
  readonly columns: ReadonlyMap<string, ColumnRange>
}

/** The columns of which ranges are kept. */
export const integerColumns: readonly string[] = ['id', 'night', 'visit', 'detector', 'diaObjectId', 'ssObjectId', 'timestamp']
export const numberColumns: readonly string[] = ['ra', 'dec']

/** Prefix of the keys of the segments of a night, or of all segments. */
export function segmentPrefix (night?: string): string {
  return night === undefined ? prefix : `${prefix}${night}/`
}

/** Returns undefined unless the key is that of a segment. */
export function parseSegmentKey (key: string): Segment | undefined {
  const [, night, first] = /^index\/v1\/segments\/([0-9]{8}|other)\/([0-9]{13})-[0-9a-f]{16}\.parquet$/.exec(key) ?? []
  return night === undefined ? undefined : { key, night, firstTimestamp: Number(first) }
}
