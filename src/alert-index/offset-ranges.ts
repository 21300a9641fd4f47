// Gaps between offset ranges: records of Kafka that no segment accounts for.
import type { OffsetRange } from './segment.ts'

interface Span { from: bigint, to: bigint }

const placeOf = ({ topic, topicId, partition }: Omit<OffsetRange, 'from' | 'to'>): string => `${topicId ?? topic}:${partition}`

/** The offsets between the first and the last range of a partition that are in no range, in the order of the partitions and offsets. */
export function gapsOf (ranges: readonly OffsetRange[]): OffsetRange[] {
  const partitions = Map.groupBy(ranges, placeOf)
  return [...partitions].sort(([a], [b]) => a < b ? -1 : 1).flatMap(([, ofPartition]) => {
    const [{ topic, topicId, partition }] = ofPartition as [OffsetRange]
    return holes(merged(ofPartition)).map(({ from, to }) => ({ topic, topicId, partition, from: String(from), to: String(to) }))
  })
}

/** The parts of `gaps` that are in no range. */
export function without (gaps: readonly OffsetRange[], ranges: readonly OffsetRange[]): OffsetRange[] {
  const partitions = Map.groupBy(ranges, placeOf)
  return gaps.flatMap(gap => {
    const overlaps = ({ from, to }: OffsetRange): boolean => BigInt(from) < BigInt(gap.to) && BigInt(to) > BigInt(gap.from)
    const inside = (partitions.get(placeOf(gap)) ?? []).filter(overlaps)
    const edges = [{ from: gap.from, to: gap.from }, { from: gap.to, to: gap.to }]
    return holes(merged([...inside, ...edges])).map(({ from, to }) => ({ ...gap, from: String(from), to: String(to) }))
  })
}

/** Disjoint spans in ascending order. */
function merged (ranges: ReadonlyArray<Pick<OffsetRange, 'from' | 'to'>>): Span[] {
  const spans: Span[] = []
  const ascending = ranges.map(({ from, to }) => ({ from: BigInt(from), to: BigInt(to) })).sort((a, b) => a.from < b.from ? -1 : 1)
  for (const { from, to } of ascending) {
    const last = spans.at(-1)
    if (last === undefined || from > last.to) spans.push({ from, to })
    else if (to > last.to) last.to = to
  }
  return spans
}

function holes (spans: readonly Span[]): Span[] {
  return spans.slice(1).map(({ from }, index) => ({ from: spans[index]!.to, to: from }))
}
