// Exclusive start of a server on its data folder and port.
// A folder has one start at a time, and a server that an earlier run left there is stopped first.
import { join } from 'node:path'
import { AlertStreamError } from '../pipeline/errors.ts'
import type { Logger } from '../pipeline/log.ts'
import type { CacheOptions } from './download-cache.ts'
import { devstackErrors } from './errors.ts'
import { withLock } from './lock.ts'
import { freePorts, isPortFree, LOOPBACK } from './ports.ts'
import { reclaimFolder, writableFolder } from './server-process.ts'

/** Options of every local server. */
export interface ServerOptions extends CacheOptions {
  /** Holds the server's data, pid file and log; kept between starts. */
  readonly dataDir: string
  /** Default: a free port. */
  readonly port?: number
  readonly log?: Logger
}

export interface LaunchSpec {
  /** Name in messages: `the schema registry`. */
  readonly name: string
  readonly dataDir: string
  /** Undefined: a free port. */
  readonly port: number | undefined
  /** Whether all ports of the server are given, so that a conflict is not retried on other ports. Default: whether `port` is given. */
  readonly fixed?: boolean
  readonly log: Logger
}

const ATTEMPTS = 3

/**
 * Calls `launch` with the port to use. If another program takes a free port first, it is called again with another port.
 * Errors: DEVSTACK_PORT_IN_USE, DEVSTACK_IN_USE, DEVSTACK_FOLDER, and those of `launch`.
 */
export async function launchOn<T> (
  { name, dataDir, port, fixed = port !== undefined, log }: LaunchSpec, launch: (port: number) => Promise<T>
): Promise<T> {
  await writableFolder(dataDir)
  return await withLock(join(dataDir, 'start.lock'), async () => {
    await reclaimFolder(dataDir, log)
    if (port !== undefined && !await isPortFree(port)) {
      throw devstackErrors.DEVSTACK_PORT_IN_USE(`the port of ${name} is in use`, { where: `${LOOPBACK}:${port}` })
    }
    for (let attempt = 1; ; attempt++) {
      try {
        return await launch(port ?? (await freePorts(1))[0] ?? 0)
      } catch (error) {
        const conflict = error instanceof AlertStreamError && error.code === 'DEVSTACK_PORT_IN_USE'
        if (!conflict || fixed || attempt === ATTEMPTS) throw error
      }
    }
  })
}
