// Passwords of SCRAM users: one file per user, generated once and then kept.
import { randomBytes } from 'node:crypto'
import { chmod, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeAtomically } from './atomic-file.ts'
import { folderError } from './errors.ts'

/**
 * Passwords by user name, read from `folder/NAME` (one line, mode 0600). Missing passwords are generated.
 * Errors: DEVSTACK_FOLDER, DEVSTACK_DISK_FULL.
 */
export async function ensurePasswords (folder: string, names: readonly string[]): Promise<ReadonlyMap<string, string>> {
  try {
    await mkdir(folder, { recursive: true })
    await chmod(folder, 0o700)
    const passwords = new Map<string, string>()
    for (const name of names) {
      const path = join(folder, name)
      const existing = (await readFile(path, 'utf8').catch(() => '')).trimEnd()
      const password = existing === '' ? randomBytes(24).toString('base64url') : existing
      if (existing === '') await writeAtomically(path, `${password}\n`, 0o600)
      passwords.set(name, password)
    }
    return passwords
  } catch (error) {
    throw folderError(error, folder)
  }
}
