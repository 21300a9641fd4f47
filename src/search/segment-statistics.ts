// The statistics in the footer of a segment, by which queries skip it.

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
