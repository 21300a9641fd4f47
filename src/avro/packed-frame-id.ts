// Reads the packed alert id of a frame. The id is the first field of every alert schema, so the schema is not needed.
import { decodeId, type PackedId, type PackedIdFormat } from '../ids/packed-id.ts'
import { readLong } from './varint.ts'
import { frameHeaderLength } from './wire-format.ts'

/** Returns undefined if the value is not a frame or its id is not packed. */
export function packedIdOfFrame (value: Buffer | null, format?: PackedIdFormat): PackedId | undefined {
  if (value === null || value.length <= frameHeaderLength || value[0] !== 0) return undefined
  const cursor = { buf: value, pos: frameHeaderLength }
  try {
    const id = readLong(cursor)
    return cursor.pos > value.length ? undefined : decodeId(id, format)
  } catch {
    // The datum does not begin with a long, so it is not an alert.
    return undefined
  }
}
