// Reads one number from a datum without decoding the rest: all fields before it are skipped.
import { readFirstLong } from './datum.ts'
import type { RecordNode, SchemaNode } from './schema-tree.ts'
import { skipper } from './skipper.ts'

/** Returns the offset of a field in a datum that has been checked, or -1 if a record that contains the field is null. */
type Locate = (datum: Buffer, pos: number) => number

/**
 * Compiles a reader of a long field.
 * @param path names of the fields that lead to the long, from the root record
 * @returns undefined if the schema has no long there. The reader returns undefined if the field, or a record that contains it, is null.
 *   The datum must be valid.
 */
export function longReader (root: RecordNode, path: readonly string[]): ((datum: Buffer) => bigint | undefined) | undefined {
  const locate = locator(root, path, 'long')
  if (locate === undefined) return undefined
  return datum => {
    const pos = locate(datum, 0)
    return pos < 0 ? undefined : readFirstLong(root.name, path.join('.'), datum.subarray(pos))
  }
}

/** Compiles a reader of a double field, like `longReader`. */
export function doubleReader (root: RecordNode, path: readonly string[]): ((datum: Buffer) => number | undefined) | undefined {
  const locate = locator(root, path, 'double')
  if (locate === undefined) return undefined
  return datum => {
    const pos = locate(datum, 0)
    return pos < 0 ? undefined : datum.readDoubleLE(pos)
  }
}

function locator (node: SchemaNode, path: readonly string[], kind: 'long' | 'double'): Locate | undefined {
  if (node.kind === 'union') return inUnion(node.branches.map(branch => locator(branch, path, kind)))
  const [name, ...rest] = path
  if (name === undefined) return node.kind === kind ? (_datum, pos) => pos : undefined
  if (node.kind !== 'record') return undefined
  const index = node.fields.findIndex(field => field.name === name)
  const inner = index < 0 ? undefined : locator(node.fields[index]!.type, rest, kind)
  if (inner === undefined) return undefined
  const skips = node.fields.slice(0, index).map(({ type }) => skipper(type))
  return (datum, pos) => {
    for (const skip of skips) pos = skip(datum, pos)
    return inner(datum, pos)
  }
}

function inUnion (branches: ReadonlyArray<Locate | undefined>): Locate | undefined {
  if (branches.every(branch => branch === undefined)) return undefined
  return (datum, pos) => {
    const branch = branches[Number(readFirstLong('a union', 'the branch', datum.subarray(pos)))]
    while (datum[pos]! >= 0x80) pos++
    return branch === undefined ? -1 : branch(datum, pos + 1)
  }
}
