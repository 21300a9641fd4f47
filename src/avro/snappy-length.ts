const MAX_LENGTH_BYTES = 5

/** The uncompressed length that a raw Snappy block states at its start. Undefined if the block does not begin with a valid length. */
export function snappyLength (block: Uint8Array): number | undefined {
  let size = 0
  for (let index = 0; index < MAX_LENGTH_BYTES; index++) {
    const byte = block[index]
    if (byte === undefined) return undefined
    size += (byte & 0x7f) * 2 ** (7 * index)
    if (byte < 0x80) return size
  }
  return undefined
}
