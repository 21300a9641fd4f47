// Writes greyscale PNG images (PNG specification, third edition), with transparent pixels where there is no value.
import { promisify } from 'node:util'
import { crc32, deflate } from 'node:zlib'

/** An image from the top row to the bottom row. */
export interface GreyImage {
  readonly width: number
  readonly height: number
  /** From 0 (black) to 255 (white). Negative: transparent. */
  readonly levels: Int16Array
}

const deflateAsync = promisify(deflate)
const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
const grey = 0
const greyWithAlpha = 4

/** The channel for transparency is left out if every pixel has a value. */
export async function writePng ({ width, height, levels }: GreyImage): Promise<Buffer> {
  const opaque = levels.every(level => level >= 0)
  const channels = opaque ? 1 : 2
  const rows = Buffer.alloc(height * (1 + width * channels))
  let at = 0
  for (let pixel = 0; pixel < levels.length; pixel++) {
    // Each row begins with the number of its filter, 0: none.
    if (pixel % width === 0) at++
    const level = levels[pixel]!
    rows[at++] = Math.max(0, level)
    if (!opaque) rows[at++] = level < 0 ? 0 : 255
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header[8] = 8
  header[9] = opaque ? grey : greyWithAlpha
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', await deflateAsync(rows)), chunk('IEND', Buffer.alloc(0))])
}

function chunk (type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const frame = Buffer.alloc(4 + body.length + 4)
  frame.writeUInt32BE(data.length, 0)
  body.copy(frame, 4)
  frame.writeUInt32BE(crc32(body), 4 + body.length)
  return frame
}
