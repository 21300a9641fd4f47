// Atomic file writes: a temporary file in the same folder, then a rename.
import { randomUUID } from 'node:crypto'
import { open, rename, rm } from 'node:fs/promises'

/** Writes or replaces a file. Concurrent readers see the complete old or the complete new content. The file is created with `mode`. */
export async function writeAtomically (path: string, text: string, mode = 0o644): Promise<void> {
  const temporary = `${path}.${randomUUID()}`
  try {
    const file = await open(temporary, 'wx', mode)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}
