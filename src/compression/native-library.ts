// Loads a shared library of the operating system through koffi, an optional package with prebuilt binaries. An asynchronous call runs in
// Node's thread pool.
import { createRequire } from 'node:module'
import { messageOf } from '../pipeline/errors.ts'

/** A C function. A pointer argument is a buffer, or what another function returned. */
interface NativeFunction {
  (...args: readonly unknown[]): unknown
  async (...args: readonly unknown[]): void
}

/** The part of koffi that is used here. The package is optional, so its own types may be missing. */
interface Koffi {
  load (library: string): { func (declaration: string): NativeFunction }
  address (buffer: Buffer): bigint
}

/** A loaded library. */
export interface NativeLibrary {
  readonly file: string
  /** Declares a function by its C prototype. Throws Error if the library does not have it. */
  func (prototype: string): NativeFunction
  address (buffer: Buffer): bigint
}

const require = createRequire(import.meta.url)

/** Loads a library by the name that the dynamic linker knows. Throws Error if koffi or the library cannot be loaded. */
export function loadNative (file: string): NativeLibrary {
  let koffi: Koffi
  try {
    koffi = require('koffi') as Koffi
  } catch (cause) {
    throw new Error(`the npm package koffi cannot be loaded: ${messageOf(cause).split('\n')[0]}`, { cause })
  }
  const library = koffi.load(file)
  return { file, func: prototype => library.func(prototype), address: buffer => koffi.address(buffer) }
}

/** Buffers of running calls. Native code does not keep them alive. */
const held = new Set<readonly unknown[]>()

/**
 * Calls a function in Node's thread pool.
 * @param buffers buffers of which the function gets only the address
 */
export function callAsync (func: NativeFunction, args: readonly unknown[], buffers: readonly Buffer[] = []): Promise<unknown> {
  const used = [args, buffers]
  held.add(used)
  return new Promise<unknown>((resolve, reject) => {
    func.async(...args, (error: Error | null, result: unknown) => {
      if (error === null) resolve(result)
      else reject(error)
    })
  }).finally(() => held.delete(used))
}
