// Reads a file whose size the caller has to admit first, so that a huge file in the store cannot exhaust the memory.
import { closeSync, constants, fstatSync, open, read } from 'node:fs'
import { promisify } from 'node:util'
import type { Admit } from './object-store.ts'

type ReadFile = (fd: number, data: Buffer, offset: number, length: number, position: number) => Promise<{ bytesRead: number }>

// The callback functions of node:fs use less CPU time than the file handles of fs/promises.
const openFile = promisify(open)
const readBytes = promisify(read) as unknown as ReadFile

/** Longest read, in bytes. Longer ones would occupy a thread of the pool for too long. */
const longestRead = 512 * 1024

/** Resolves to undefined if the path is not a file. Rejects with the system error, such as ENOENT, or with the error of `admit`. */
export async function readFile (path: string, admit?: Admit): Promise<Buffer | undefined> {
  return await withFile(path, async (fd, size) => {
    admit?.(size)
    return await readFrom(fd, size)
  })
}

/** Like `readFile`, but reads at most the first `bytes` bytes. */
export async function readFileStart (path: string, bytes: number): Promise<{ start: Buffer, size: number } | undefined> {
  return await withFile(path, async (fd, size) => ({ start: await readFrom(fd, Math.min(bytes, size)), size }))
}

async function withFile<T> (path: string, read: (fd: number, size: number) => Promise<T>): Promise<T | undefined> {
  // Without O_NONBLOCK, opening a named pipe waits for its writer and blocks a thread of the pool.
  const fd = await openFile(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    // The file is open, so the kernel has its attributes in memory. A round trip to the thread pool would cost more than the call.
    const stats = fstatSync(fd)
    return stats.isFile() ? await read(fd, stats.size) : undefined
  } finally {
    closeSync(fd)
  }
}

async function readFrom (fd: number, length: number): Promise<Buffer> {
  // Not from the pool of small buffers, because responses may keep the buffer for long.
  const bytes = Buffer.allocUnsafeSlow(length)
  let at = 0
  while (at < length) {
    const { bytesRead } = await readBytes(fd, bytes, at, Math.min(longestRead, length - at), at)
    if (bytesRead === 0) break
    at += bytesRead
  }
  return bytes.subarray(0, at)
}
