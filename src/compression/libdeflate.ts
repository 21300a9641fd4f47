// libdeflate compresses a complete frame at once: smaller objects than zlib at the same level, in about half the CPU time.
import type { Encoder } from './encoder-pool.ts'
import { compressionErrors } from './errors.ts'
import { callAsync, loadNative } from './native-library.ts'

/** Loads libdeflate. Throws Error if it cannot be loaded. */
export function loadLibdeflate (): { readonly file: string, open (level: number): Encoder } {
  const library = loadNative('libdeflate.so.0')
  const allocate = library.func('void *libdeflate_alloc_compressor(int level)')
  const bound = library.func('size_t libdeflate_gzip_compress_bound(void *compressor, size_t bytes)')
  const compress = library.func(
    'size_t libdeflate_gzip_compress(void *compressor, const void *in, size_t bytes, void *out, size_t maxBytes)')
  return {
    file: library.file,
    open (level) {
      const compressor = allocate(level)
      if (compressor === null) throw compressionErrors.COMPRESSOR_FAILED(`libdeflate cannot allocate a compressor of level ${level}`)
      return {
        maxBytes: frameBytes => Number(bound(compressor, frameBytes)),
        async encode (frame, output) {
          const length = Number(await callAsync(compress, [compressor, frame, frame.length, output, output.length]))
          if (length === 0) throw compressionErrors.COMPRESSOR_FAILED(`libdeflate cannot compress a frame of ${frame.length} bytes`)
          return length
        }
      }
    }
  }
}
