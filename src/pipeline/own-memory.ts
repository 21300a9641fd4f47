// Memory that the program frees as soon as nothing uses it any more. If it were left to the garbage collector, a stream of large buffers
// would make the collector search the whole heap several times per second, and unused buffers would pile up in between. A buffer that is
// never freed is garbage-collected like any other, so a failure leaks nothing.

const own = new WeakSet<ArrayBufferLike>()

/** Allocates a buffer for `freeOwn`, with undefined content. */
export function allocateOwn (bytes: number): Buffer {
  const buffer = Buffer.allocUnsafeSlow(bytes)
  own.add(buffer.buffer)
  return buffer
}

/**
 * Frees the memory behind a buffer of `allocateOwn`, or behind a view of one. All views of the memory become empty, so none of them ever
 * shows other content. Does nothing for other buffers, and nothing the second time. No native code (a thread, a socket) may use the memory.
 */
export function freeOwn ({ buffer }: Uint8Array): void {
  if (own.delete(buffer)) free(buffer as ArrayBuffer)
}

/** Frees memory that was allocated by others, under the conditions of `freeOwn`. */
export function free (memory: ArrayBuffer): void {
  // The transfer to an empty buffer detaches the memory, which frees it.
  memory.transfer(0)
}
