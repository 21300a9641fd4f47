// The alerts of a group as Avro object container files. Each file has one schema, with the text that the archive has captured, and the
// archived data byte for byte. The bytes of a file depend only on its alerts and on the settings.
import { codecByName, type Codec, type CodecName } from '../avro/codecs.ts'
import { containerHeader, syncMarker } from '../avro/container-writer.ts'
import type { AlertSchema } from '../avro/schema.ts'
import { encodeLong } from '../avro/varint.ts'
import type { FileWriter, GroupFile, SchemaFiles } from './group-files.ts'

/** Uncompressed size of a block, in bytes. */
const blockBytes = 1024 * 1024

export function ocfWriter (codec: CodecName): FileWriter {
  return {
    contentType: 'application/avro',
    open: async schema => new OcfFile(schema, codecByName(codec))
  }
}

class OcfFile implements SchemaFiles, GroupFile {
  readonly table = undefined
  readonly files = [this]
  readonly #codec: Codec
  readonly #sync: Buffer
  readonly #header: Buffer
  #blocks: Buffer[] = []
  #pending: Buffer[] = []
  #pendingBytes = 0
  #bytes = 0
  #rows = 0

  constructor ({ text }: AlertSchema, codec: Codec) {
    this.#codec = codec
    this.#sync = syncMarker(text)
    this.#header = containerHeader(text, codec.name, this.#sync)
  }

  get bytes (): number { return this.#bytes + this.#pendingBytes }

  get rows (): number { return this.#rows }

  async add (_id: bigint, datum: Buffer): Promise<void> {
    this.#pending.push(datum)
    this.#pendingBytes += datum.length
    this.#rows++
    if (this.#pendingBytes >= blockBytes) await this.#endBlock()
  }

  async finish (): Promise<Buffer> {
    await this.#endBlock()
    const file = Buffer.concat([this.#header, ...this.#blocks])
    this.#blocks = []
    this.#bytes = 0
    this.#rows = 0
    return file
  }

  async #endBlock (): Promise<void> {
    if (this.#pending.length === 0) return
    const packed = await this.#codec.compress(Buffer.concat(this.#pending, this.#pendingBytes))
    const block = [encodeLong(this.#pending.length), encodeLong(packed.length), packed, this.#sync]
    this.#blocks.push(...block)
    this.#bytes += block.reduce((sum, piece) => sum + piece.length, 0)
    this.#pending = []
    this.#pendingBytes = 0
  }
}
