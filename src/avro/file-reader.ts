// Reads a file sequentially in pieces of requested size. Memory use is bounded by the largest piece.
import { open, type FileHandle } from 'node:fs/promises'
import { containerErrors } from './errors.ts'
import { readLong } from './varint.ts'

const READ_AHEAD = 256 * 1024

export class FileReader {
  readonly path: string
  readonly #handle: FileHandle
  #buffer: Buffer = Buffer.alloc(0)
  #position = 0
  #ended = false

  private constructor (path: string, handle: FileHandle) {
    this.path = path
    this.#handle = handle
  }

  /** Error: AVRO_UNREADABLE. */
  static async open (path: string): Promise<FileReader> {
    try {
      const handle = await open(path, 'r')
      if ((await handle.stat()).isDirectory()) {
        await handle.close()
        throw new Error('the path is a directory')
      }
      return new FileReader(path, handle)
    } catch (error) {
      throw containerErrors.AVRO_UNREADABLE('cannot read the file', { where: path, cause: error })
    }
  }

  /** Offset of the next byte in the file. */
  get position (): number { return this.#position }

  async atEnd (): Promise<boolean> {
    return await this.#fill(1) === 0
  }

  /** Returns a view of the next `size` bytes (fewer at the end of the file), valid until the next call. Error: AVRO_UNREADABLE. */
  async take (size: number): Promise<Buffer> {
    const available = Math.min(await this.#fill(size), size)
    const piece = this.#buffer.subarray(0, available)
    this.#buffer = this.#buffer.subarray(available)
    this.#position += available
    return piece
  }

  /** Returns the next Avro long, or undefined if the file ends inside it. */
  async long (): Promise<bigint | undefined> {
    const available = await this.#fill(10)
    const cursor = { buf: this.#buffer, pos: 0 }
    const value = readLong(cursor)
    if (cursor.pos > available) return undefined
    this.#buffer = this.#buffer.subarray(cursor.pos)
    this.#position += cursor.pos
    return value
  }

  async close (): Promise<void> {
    await this.#handle.close()
  }

  /** Buffers at least `size` bytes unless the file ends first; returns the number of buffered bytes. */
  async #fill (size: number): Promise<number> {
    if (this.#buffer.length >= size || this.#ended) return this.#buffer.length
    const chunks = [this.#buffer]
    let buffered = this.#buffer.length
    while (buffered < size) {
      const chunk = Buffer.allocUnsafeSlow(Math.max(READ_AHEAD, size - buffered))
      let bytesRead: number
      try {
        ({ bytesRead } = await this.#handle.read(chunk, 0, chunk.length))
      } catch (error) {
        const at = this.#position + buffered
        throw containerErrors.AVRO_UNREADABLE(`cannot read the file at byte ${at}`, { where: this.path, cause: error })
      }
      if (bytesRead === 0) {
        this.#ended = true
        break
      }
      chunks.push(chunk.subarray(0, bytesRead))
      buffered += bytesRead
    }
    this.#buffer = Buffer.concat(chunks, buffered)
    return buffered
  }
}
