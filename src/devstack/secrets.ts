// Small files that others read while they are written: a file appears whole by a rename, with its mode from its first moment on. Passwords of
// users are made once and kept, one file each.
import { randomBytes, randomUUID } from 'node:crypto'
import { chmod, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { folderError } from './errors.ts'

/** Writes a file of that mode; whoever reads it meanwhile sees the one before, or this one. */
export async function writeWhole (path: string, text: string, mode: number): Promise<void> {
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

/** Passwords of these users, from the folder or made now: `folder/NAME`, mode 0600, one line. Errors: DEVSTACK_FOLDER, DEVSTACK_DISK_FULL. */
export async function ensurePasswords (folder: string, names: readonly string[]): Promise<ReadonlyMap<string, string>> {
  try {
    await mkdir(folder, { recursive: true })
    await chmod(folder, 0o700)
    const passwords = new Map<string, string>()
    for (const name of names) {
      const path = join(folder, name)
      const kept = (await readFile(path, 'utf8').catch(() => '')).trimEnd()
      const password = kept === '' ? randomBytes(24).toString('base64url') : kept
      if (kept === '') await writeWhole(path, `${password}\n`, 0o600)
      passwords.set(name, password)
    }
    return passwords
  } catch (error) {
    throw folderError(error, folder)
  }
}
