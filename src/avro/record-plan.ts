// Plans how a record of the writer becomes a record of the reader: consecutive fields that need no conversion are copied together.
import type { DatumOutput } from './datum-output.ts'
import type { FieldNode, SchemaNode } from './schema-tree.ts'
import { skipper, type Skipper } from './skipper.ts'

/** Writes the value at `pos` of a valid datum in the reader's type to the output, and returns the offset of its end in the datum. */
export type Write = (datum: Buffer, pos: number) => number

/** What happens to a field of the writer. */
export interface FieldPlan {
  readonly field: FieldNode
  /** Index of the reader's field. Undefined if the reader has no such field. */
  readonly slot: number | undefined
  /** Converts the value. Undefined if its bytes do not change. */
  readonly convert: Write | undefined
}

/** Consecutive fields of the writer: left out, copied, or one field that is converted. */
interface Segment {
  readonly slot: number | undefined
  readonly skip: Skipper
  readonly write: Write
}

export function copyWrite (node: SchemaNode, output: DatumOutput): Write {
  const skip = skipper(node)
  return (datum, pos) => {
    const end = skip(datum, pos)
    output.copy(pos, end)
    return end
  }
}

/** @param constants encoded values of the reader's fields that the writer does not have, by index */
export function recordWrite (plans: readonly FieldPlan[], constants: ReadonlyMap<number, Buffer>, output: DatumOutput): Write {
  const segments = segmentsOf(plans, output)
  const slots = segments.flatMap(({ slot }) => slot ?? [])
  const ordered = slots.every((slot, index) => index === 0 || slot > slots[index - 1]!)
  return ordered ? orderedWrite(segments, constants, output) : reorderedWrite(segments, constants, output)
}

function segmentsOf (plans: readonly FieldPlan[], output: DatumOutput): Segment[] {
  const segments: Segment[] = []
  for (let first = 0, end = 0; first < plans.length; first = end) {
    const { slot, convert } = plans[first]!
    const joins = (next: number): boolean => {
      const plan = plans[next]
      if (plan === undefined || convert !== undefined || plan.convert !== undefined) return false
      return slot === undefined ? plan.slot === undefined : plan.slot === slot + next - first
    }
    for (end = first + 1; joins(end);) end++
    const fields = plans.slice(first, end).map(({ field }) => field)
    const node: SchemaNode = { kind: 'record', name: '', aliases: [], fields }
    const skip = skipper(node)
    segments.push({ slot, skip, write: convert ?? (slot === undefined ? skip : copyWrite(node, output)) })
  }
  return segments
}

/** The kept fields have the same order in both records. */
function orderedWrite (segments: readonly Segment[], constants: ReadonlyMap<number, Buffer>, output: DatumOutput): Write {
  const writes: Write[] = []
  let left = [...constants].toSorted(([a], [b]) => a - b)
  const addConstants = (before: number): void => {
    const bytes = Buffer.concat(left.filter(([slot]) => slot < before).map(([, constant]) => constant))
    left = left.filter(([slot]) => slot >= before)
    if (bytes.length > 0) writes.push(constantWrite(bytes, output))
  }
  for (const { slot, write } of segments) {
    if (slot !== undefined) addConstants(slot)
    writes.push(write)
  }
  addConstants(Infinity)
  return (datum, pos) => {
    for (let index = 0; index < writes.length; index++) pos = writes[index]!(datum, pos)
    return pos
  }
}

/** Finds the fields of a record first, then writes them in the reader's order. */
function reorderedWrite (segments: readonly Segment[], constants: ReadonlyMap<number, Buffer>, output: DatumOutput): Write {
  const kept = segments.map((segment, index) => ({ ...segment, index })).filter(({ slot }) => slot !== undefined)
  const added = [...constants].map(([slot, bytes]) => ({ slot, write: constantWrite(bytes, output), index: -1 }))
  const writes = [...kept, ...added].toSorted((a, b) => a.slot! - b.slot!)
  return (datum, pos) => {
    const starts: number[] = []
    for (let index = 0; index < segments.length; index++) {
      starts.push(pos)
      pos = segments[index]!.skip(datum, pos)
    }
    for (let index = 0; index < writes.length; index++) {
      const each = writes[index]!
      each.write(datum, starts[each.index] ?? pos)
    }
    return pos
  }
}

function constantWrite (bytes: Buffer, output: DatumOutput): Write {
  return (_datum, pos) => {
    output.write(bytes)
    return pos
  }
}
