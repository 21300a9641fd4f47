// Error codes of the compressors.
import { defineErrors } from '../pipeline/errors.ts'

export const compressionErrors = defineErrors({
  COMPRESSOR_UNAVAILABLE: {
    hint: 'Install the library (Debian: libdeflate0, libisal2) and the npm package koffi, or use --compressor auto.', usage: true
  },
  COMPRESSOR_LEVEL: { hint: 'Set --gzip-level to a level of the compressor, or omit it.', usage: true },
  COMPRESSOR_FAILED: { hint: 'This is a bug in alert-stream or in the library. Use --compressor zlib and report it.', fatal: true }
})
