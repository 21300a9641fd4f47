// Intel ISA-L, the fastest compressor: a quarter of the CPU time of libdeflate, for objects that are a few per cent larger.
import type { Encoder } from './encoder-pool.ts'
import { compressionErrors } from './errors.ts'
import { callAsync, loadNative } from './native-library.ts'

// Offsets in `struct isal_zstream` (igzip_lib.h). They belong to the ABI libisal.so.2 and are equal on all 64-bit little-endian machines.
const NEXT_IN = 0
const AVAIL_IN = 8
const NEXT_OUT = 16
const AVAIL_OUT = 24
const TOTAL_OUT = 28
const LEVEL = 40
const LEVEL_BUFFER_BYTES = 44
const LEVEL_BUFFER = 48
const END_OF_STREAM = 56
const GZIP_FLAG = 60

/** The struct has 82,384 bytes in ISA-L 2.30. */
const STREAM_BYTES = 128 * 1024
/** At least ISAL_DEF_LVL3_EXTRA_LARGE. The library uses the largest working set that fits. */
const WORK_BYTES = 640 * 1024
const IGZIP_GZIP = 1
const COMP_OK = 0

/** Loads ISA-L. Throws Error if it cannot be loaded. */
export function loadIsal (): { readonly file: string, open (level: number): Encoder } {
  const library = loadNative('libisal.so.2')
  const initialize = library.func('void isal_deflate_stateless_init(void *stream)')
  const deflate = library.func('int isal_deflate_stateless(void *stream)')
  return {
    file: library.file,
    open (level) {
      const stream = Buffer.alloc(STREAM_BYTES)
      const work = Buffer.alloc(WORK_BYTES)
      return {
        // Incompressible data are stored, with 5 bytes per 64 KiB.
        maxBytes: frameBytes => frameBytes + (frameBytes >> 8) + 4096,
        async encode (frame, output) {
          initialize(stream)
          stream.writeBigUInt64LE(library.address(frame), NEXT_IN)
          stream.writeUInt32LE(frame.length, AVAIL_IN)
          stream.writeBigUInt64LE(library.address(output), NEXT_OUT)
          stream.writeUInt32LE(output.length, AVAIL_OUT)
          stream.writeUInt32LE(level, LEVEL)
          stream.writeUInt32LE(work.length, LEVEL_BUFFER_BYTES)
          stream.writeBigUInt64LE(library.address(work), LEVEL_BUFFER)
          stream.writeUInt16LE(1, END_OF_STREAM)
          stream.writeUInt16LE(IGZIP_GZIP, GZIP_FLAG)
          const result = await callAsync(deflate, [stream], [work, frame, output])
          if (result !== COMP_OK) {
            throw compressionErrors.COMPRESSOR_FAILED(`ISA-L cannot compress a frame of ${frame.length} bytes: error ${String(result)}`)
          }
          return stream.readUInt32LE(TOTAL_OUT)
        }
      }
    }
  }
}
