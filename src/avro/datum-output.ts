// Collects the bytes of a datum that is made from another datum. Adjacent bytes of the input are copied together, because one long copy
// costs less than many short ones.

/** Copies up to this length are faster byte by byte than by a call to Buffer.copy. */
const SHORT_COPY = 24
/** A few bytes of input can claim an array of many items that take no bytes, each of which may get default values in the output. */
const MAX_BYTES = 64 * 1024 * 1024

const nothing = Buffer.alloc(0)

export class DatumOutput {
  #bytes = Buffer.allocUnsafeSlow(256 * 1024)
  #length = 0
  #input: Buffer = nothing
  // The range of the input that comes next in the output, but is not copied yet.
  #from = 0
  #to = 0

  /** Starts an output that begins with `headerBytes` bytes of any value. */
  begin (input: Buffer, headerBytes: number): void {
    this.#input = input
    this.#length = headerBytes
    this.#from = this.#to = 0
  }

  /** Appends bytes of the input. */
  copy (start: number, end: number): void {
    if (start !== this.#to) {
      this.#flush()
      this.#from = start
    }
    this.#to = end
  }

  /** Appends a copy of the bytes. */
  write (bytes: Buffer): void {
    this.#flush()
    this.#append(bytes, 0, bytes.length)
  }

  /** Returns the output in a new buffer. */
  end (): Buffer {
    this.#flush()
    this.#input = nothing
    const result = Buffer.allocUnsafe(this.#length)
    this.#bytes.copy(result, 0, 0, this.#length)
    return result
  }

  #flush (): void {
    if (this.#to > this.#from) this.#append(this.#input, this.#from, this.#to)
    this.#from = this.#to
  }

  #append (source: Buffer, start: number, end: number): void {
    const at = this.#length
    this.#length += end - start
    if (this.#length > this.#bytes.length) this.#grow(at)
    if (end - start > SHORT_COPY) source.copy(this.#bytes, at, start, end)
    else for (let to = at; start < end;) this.#bytes[to++] = source[start++]!
  }

  #grow (used: number): void {
    if (this.#length > MAX_BYTES) throw new Error(`with the reader's default values, it has more than ${MAX_BYTES} bytes`)
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#length, 2 * this.#bytes.length))
    this.#bytes.copy(larger, 0, 0, used)
    this.#bytes = larger
  }
}
