// The folder of one test run, with the data of its servers and its temporary files. scripts/test.ts creates the folder. A test file
// that runs alone creates its own. The folder records its owner process. If the owner is killed, the next run stops the servers and
// removes the folder.
import { rmSync } from 'node:fs'
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isAlive, processFacts, type ProcessIdentity } from '../../src/devstack/process-identity.ts'
import { endServersUnder } from '../../src/devstack/server-process.ts'

/** The environment variable through which scripts/test.ts passes the run folder to the test files. */
export const RUN_FOLDER = 'ALERT_TEST_RUN'

const PREFIX = 'alert-stream-test-'
const OWNER = 'owner.json'

export async function makeRunFolder (): Promise<string> {
  await sweep()
  const folder = await mkdtemp(join(tmpdir(), PREFIX))
  await writeFile(join(folder, OWNER), JSON.stringify(await processFacts(process.pid)))
  return folder
}

/** Stops every server under the folder and removes the folder. */
export async function removeRunFolder (folder: string): Promise<void> {
  await endServersUnder(folder, 0)
  await rm(folder, { recursive: true, force: true, maxRetries: 5 })
}

/** Removes the folder synchronously, for the `exit` event of a process. */
export function removeRunFolderNow (folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
}

async function sweep (): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(PREFIX)) continue
    const folder = join(tmpdir(), name)
    const owner = await readFile(join(folder, OWNER), 'utf8').then(text => JSON.parse(text) as ProcessIdentity).catch(() => undefined)
    if (owner !== undefined && !await isAlive(owner)) await removeRunFolder(folder)
  }
}
