// The interface of the compressors that make archived objects.

export const compressorNames = ['libdeflate', 'isal', 'zlib'] as const
export type CompressorName = typeof compressorNames[number]

export interface CompressorInfo {
  readonly name: CompressorName
  readonly level: number
  /** The library that compresses, for example `libdeflate.so.0` or `zlib 1.3.1`. */
  readonly library: string
}

export interface Compressor extends CompressorInfo {
  /**
   * Compresses a frame into one gzip member without extra fields, in Node's thread pool. Resolves to the result of `finish`. The output
   * depends on the frame, the level, the version of the library and, with ISA-L, the processor.
   * @param finish copies what it needs of `gz` before it returns, because the next compression overwrites `gz`
   */
  gzip<T> (frame: Buffer, finish: (gz: Buffer) => T): Promise<T>
}
