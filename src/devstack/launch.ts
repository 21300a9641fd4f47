// The way to a server of our own: one at a time on a data folder, what a killed run left there stopped first, on the port that is asked for
// or a free one; where somebody else takes that free one meanwhile, another is tried.
import { join } from 'node:path'
import { AlertStreamError } from '../pipeline/errors.ts'
import type { Logger } from '../pipeline/log.ts'
import { devstackErrors } from './errors.ts'
import { withLock } from './lock.ts'
import { freePorts, isPortFree, LOOPBACK } from './ports.ts'
import { reclaimFolder, writableFolder } from './process.ts'

export interface LaunchSpec {
  /** Shown to the user: `the schema registry`. */
  readonly name: string
  readonly dataDir: string
  /** A fixed port; a free one where left out. */
  readonly port: number | undefined
  /** The server's other ports are given too: then no other one is tried. */
  readonly fixed?: boolean
  readonly log: Logger
}

const ATTEMPTS = 3

/** Calls `launch` with the port to use. Errors: DEVSTACK_PORT_IN_USE, DEVSTACK_IN_USE, DEVSTACK_FOLDER, and those of `launch`. */
export async function launchOn<T> ({ name, dataDir, port, fixed = port !== undefined, log }: LaunchSpec, launch: (port: number) => Promise<T>): Promise<T> {
  await writableFolder(dataDir)
  return await withLock(join(dataDir, 'start.lock'), async () => {
    await reclaimFolder(dataDir, log)
    if (port !== undefined && !await isPortFree(port)) {
      throw devstackErrors.DEVSTACK_PORT_IN_USE(`the port of ${name} is taken`, { where: `${LOOPBACK}:${port}` })
    }
    for (let attempt = 1; ; attempt++) {
      try {
        return await launch(port ?? (await freePorts(1))[0] ?? 0)
      } catch (error) {
        // Between finding a port free and the server's binding it, somebody else may have come first.
        const taken = error instanceof AlertStreamError && error.code === 'DEVSTACK_PORT_IN_USE'
        if (!taken || fixed || attempt === ATTEMPTS) throw error
      }
    }
  })
}
