// Ranges of offsets: those of the records of a flush, and the gaps between ranges, whose records no segment accounts for.
import type { Position } from './row.ts'

/** Offsets of a partition, `from` inclusive, `to` exclusive, as decimal numbers. */
export interface OffsetRange {
  readonly topic: string
  readonly topicId: string | null
  readonly partition: number
  readonly from: string
  readonly to: string
}

/** A partition of a topic. A topic that was recreated has another id. */
export type Place = Pick<OffsetRange, 'topic' | 'topicId' | 'partition'>
/** A place as a record has it, whose topic id may be unknown. */
type RecordPlace = Pick<Position, 'topic' | 'partition'> & { readonly topicId?: string | null | undefined }

interface Span { from: bigint, to: bigint }

export function placeOf ({ topic, topicId, partition }: RecordPlace): Place {
  return { topic, topicId: topicId ?? null, partition }
}

/** Identifies a place. */
export function placeText ({ topic, topicId, partition }: RecordPlace): string {
  return `${topicId ?? topic}:${partition}`
}

/** Orders places by topic, then partition. */
export function comparePlaces (a: Place, b: Place): number {
  const [first, second] = [a.topicId ?? a.topic, b.topicId ?? b.topic]
  return first === second ? a.partition - b.partition : first < second ? -1 : 1
}

/** The ranges of consecutive offsets, in the order of the partitions and offsets. */
export function rangesOf (consumed: readonly Position[]): OffsetRange[] {
  return byPlace(consumed).flatMap(([place, positions]) =>
    inPlace(place, merged(positions.map(({ offset }) => ({ from: offset, to: offset + 1n })))))
}

/** The offsets between the first and the last range of a partition that are in no range, in the order of the partitions and offsets. */
export function gapsOf (ranges: readonly OffsetRange[]): OffsetRange[] {
  return byPlace(ranges).flatMap(([place, ofPlace]) => inPlace(place, holes(merged(ofPlace.map(spanOf)))))
}

/** The parts of `gaps` that are in no range. */
export function without (gaps: readonly OffsetRange[], ranges: readonly OffsetRange[]): OffsetRange[] {
  const places = Map.groupBy(ranges, placeText)
  return gaps.flatMap(gap => {
    const { from, to } = spanOf(gap)
    const inside = (places.get(placeText(gap)) ?? []).map(spanOf).filter(span => span.from < to && span.to > from)
    return inPlace(placeOf(gap), holes(merged([...inside, { from, to: from }, { from: to, to }])))
  })
}

function byPlace<T extends RecordPlace> (items: readonly T[]): ReadonlyArray<readonly [Place, readonly T[]]> {
  return [...Map.groupBy(items, placeText).values()].map(ofPlace => [placeOf(ofPlace[0]!), ofPlace] as const)
    .sort(([a], [b]) => comparePlaces(a, b))
}

function inPlace (place: Place, spans: readonly Span[]): OffsetRange[] {
  return spans.map(({ from, to }) => ({ ...place, from: String(from), to: String(to) }))
}

function spanOf ({ from, to }: Pick<OffsetRange, 'from' | 'to'>): Span {
  return { from: BigInt(from), to: BigInt(to) }
}

/** Disjoint spans in ascending order. */
function merged (spans: readonly Span[]): Span[] {
  const disjoint: Span[] = []
  for (const { from, to } of spans.toSorted((a, b) => a.from < b.from ? -1 : 1)) {
    const last = disjoint.at(-1)
    if (last === undefined || from > last.to) disjoint.push({ from, to })
    else if (to > last.to) last.to = to
  }
  return disjoint
}

function holes (spans: readonly Span[]): Span[] {
  return spans.slice(1).map(({ from }, index) => ({ from: spans[index]!.to, to: from }))
}
