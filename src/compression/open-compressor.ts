// Opens the compressor that --compressor and --gzip-level select. `auto` takes the first compressor that this machine can load and that has
// the level: libdeflate, ISA-L, zlib.
import { messageOf } from '../pipeline/errors.ts'
import type { Logger } from '../pipeline/index.ts'
import { compressorNames, type Compressor, type CompressorName } from './compressor.ts'
import { encoderPool } from './encoder-pool.ts'
import { compressionErrors } from './errors.ts'
import { loadIsal } from './isal.ts'
import { loadLibdeflate } from './libdeflate.ts'
import { zlibPool } from './zlib.ts'

interface CompressorConfig {
  readonly compressor: CompressorName | 'auto'
  /** Default: the default level of the compressor. docs/compression.md compares the levels. */
  readonly gzipLevel?: number | undefined
}

interface Loaded {
  readonly library: string
  open (threads: number, level: number): Compressor['gzip']
}

interface CompressorType {
  readonly defaultLevel: number
  readonly maxLevel: number
  /** Throws Error if the library cannot be loaded. */
  load (): Loaded
}

/** Default of --gzip-threads. One thread of Node's thread pool, which has four, remains free for file I/O. */
export const defaultThreads = 3

const native = ({ file, open }: ReturnType<typeof loadIsal>): Loaded =>
  ({ library: file, open: (threads, level) => encoderPool(threads, () => open(level)) })

const types: Readonly<Record<CompressorName, CompressorType>> = {
  libdeflate: { defaultLevel: 4, maxLevel: 12, load: once(() => native(loadLibdeflate())) },
  isal: { defaultLevel: 2, maxLevel: 3, load: once(() => native(loadIsal())) },
  zlib: { defaultLevel: 3, maxLevel: 9, load: () => ({ library: `zlib ${process.versions.zlib}`, open: zlibPool }) }
}

/** The compressor and the level that `openCompressor` selects, by flag. Errors: COMPRESSOR_UNAVAILABLE, COMPRESSOR_LEVEL. */
export function resolveCompressor ({ compressor, gzipLevel }: CompressorConfig): Readonly<Record<string, string>> {
  const { name, level, library } = select(compressor, gzipLevel)
  return { compressor: `${name} (${library})`, 'gzip-level': String(level) }
}

/**
 * Opens a compressor. If `auto` selects another compressor than libdeflate because libdeflate cannot be loaded, the first compression logs
 * a warning.
 * @param threads maximum number of frames compressed concurrently
 * Errors: COMPRESSOR_UNAVAILABLE, COMPRESSOR_LEVEL.
 */
export function openCompressor ({ compressor, gzipLevel }: CompressorConfig, threads: number, log: Logger): Compressor {
  const { name, level, library, open, missing } = select(compressor, gzipLevel)
  const gzip = open(threads, level)
  let reason = missing
  return {
    name,
    level,
    library,
    gzip (frame, finish) {
      if (reason !== undefined) {
        log.warn({ compressor: name, level, reason },
          `cannot load libdeflate: compressing with ${library} instead; install libdeflate (Debian: libdeflate0) to use less CPU time`)
        reason = undefined
      }
      return gzip(frame, finish)
    }
  }
}

function select (wanted: CompressorName | 'auto', gzipLevel: number | undefined) {
  let missing: string | undefined
  for (const name of wanted === 'auto' ? compressorNames : [wanted]) {
    const { defaultLevel, maxLevel, load } = types[name]
    const level = gzipLevel ?? defaultLevel
    if (level < 1 || level > maxLevel) {
      if (name === wanted) throw compressionErrors.COMPRESSOR_LEVEL(`${name} has levels 1 to ${maxLevel}, but --gzip-level is ${level}`)
      continue
    }
    try {
      return { name, level, ...load(), missing }
    } catch (cause) {
      if (name === wanted) throw compressionErrors.COMPRESSOR_UNAVAILABLE(`cannot load ${name}: ${messageOf(cause)}`, { cause })
      missing ??= messageOf(cause)
    }
  }
  const what = `--gzip-level is ${gzipLevel}, a level of libdeflate only, and libdeflate cannot be loaded: ${missing}`
  throw compressionErrors.COMPRESSOR_LEVEL(what)
}

/** Calls `load` once and keeps its result, or throws its error again. */
function once<T> (load: () => T): () => T {
  let outcome: { readonly value: T } | { readonly error: unknown } | undefined
  return () => {
    if (outcome === undefined) {
      try {
        outcome = { value: load() }
      } catch (error) {
        outcome = { error }
      }
    }
    if ('error' in outcome) throw outcome.error
    return outcome.value
  }
}
