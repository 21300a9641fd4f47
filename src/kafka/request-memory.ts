// Frees the memory of large requests early. The client library copies each request into one buffer, which it would leave to the garbage
// collector.
import type { Connection } from '@platformatic/kafka'
import { free } from '../pipeline/own-memory.ts'

/** Sends a request. When the broker has responded, frees the buffer that was sent. If the request fails, the buffer is left as it is. */
export async function sendAndFree<T> (connection: Connection, send: () => Promise<T>): Promise<T> {
  const { result, written } = writtenDuring(connection.socket, send)
  const response = await result
  // The broker has received the complete request, so the socket does not need it any more. Other views would share the memory.
  for (const { buffer, byteLength } of written) if (byteLength === buffer.byteLength) free(buffer)
  return response
}

/** What is written to the socket before `send` returns. The library writes a request at once, unless too many are in flight. */
function writtenDuring<T> (
  socket: Connection['socket'], send: () => T
): { readonly result: T, readonly written: ReadonlyArray<Buffer<ArrayBuffer>> } {
  const written: Array<Buffer<ArrayBuffer>> = []
  const { write } = socket
  socket.write = (...args: unknown[]) => {
    written.push(args[0] as Buffer<ArrayBuffer>)
    return Reflect.apply(write, socket, args) as boolean
  }
  try {
    return { result: send(), written }
  } finally {
    socket.write = write
  }
}
