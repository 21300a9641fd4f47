// Sequential reading of a file in exact pieces, with a buffer of one read-ahead: the memory is the largest piece asked for, not the file.
import { open, type FileHandle } from 'node:fs/promises'
import { containerErrors } from './errors.ts'
import { readLong } from './varint.ts'

const readAhead = 256 * 1024

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
        throw new Error('it is a folder')
      }
      return new FileReader(path, handle)
    } catch (error) {
      throw containerErrors.AVRO_UNREADABLE('the file cannot be read', { where: path, cause: error })
    }
  }

  /** Bytes taken so far. */
  get position (): number { return this.#position }

  /** Whether nothing is left. */
  async atEnd (): Promise<boolean> {
    return await this.#fill(1) === 0
  }

  /** The next `size` bytes, of which fewer come only at the end of the file. A view, valid until the next call. */
  async take (size: number): Promise<Buffer> {
    const available = Math.min(await this.#fill(size), size)
    const piece = this.#buffer.subarray(0, available)
    this.#buffer = this.#buffer.subarray(available)
    this.#position += available
    return piece
  }

  /** The next Avro long, or undefined where the file ends within it. */
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

  async #fill (size: number): Promise<number> {
    if (this.#buffer.length >= size || this.#ended) return this.#buffer.length
    const chunks = [this.#buffer]
    let held = this.#buffer.length
    while (held < size) {
      const chunk = Buffer.allocUnsafeSlow(Math.max(readAhead, size - held))
      let bytesRead: number
      try {
        ({ bytesRead } = await this.#handle.read(chunk, 0, chunk.length))
      } catch (error) {
        throw containerErrors.AVRO_UNREADABLE(`reading failed at byte ${this.#position + held}`, { where: this.path, cause: error })
      }
      if (bytesRead === 0) {
        this.#ended = true
        break
      }
      chunks.push(chunk.subarray(0, bytesRead))
      held += bytesRead
    }
    this.#buffer = Buffer.concat(chunks, held)
    return held
  }
}
