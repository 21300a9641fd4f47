// Exclusive start of a server on its data folder and port.
// Only one server at a time starts on a folder. A server that an earlier run left running on the folder is stopped first.
import { join } from 'node:path'
import { AlertStreamError } from '../pipeline/errors.ts'
import type { Logger } from '../pipeline/log.ts'
import type { CacheOptions } from './download-cache.ts'
import { devstackErrors } from './errors.ts'
import { withLock } from './lock.ts'
import { freePorts, isPortFree, LOOPBACK } from './ports.ts'
import { reclaimFolder, writableFolder } from './server-process.ts'

export interface ServerOptions extends CacheOptions {
  /** Folder with the server's data, pid file and log. The folder is kept between starts. */
  readonly dataDir: string
  /** Port of the server. Default: a free port. */
  readonly port?: number
  readonly log?: Logger
}

export interface LaunchSpec {
  /** Name in messages: `the schema registry`. */
  readonly name: string
  readonly dataDir: string
  /** Port of the server. If undefined, a free port is used. */
  readonly port: number | undefined
  /** Whether all ports of the server are given. If so, a port conflict is not retried. Default: whether `port` is given. */
  readonly fixed?: boolean
  readonly log: Logger
}

const ATTEMPTS = 3

/**
 * Calls `launch` with the given port or a free one. If another program takes the free port in the meantime, calls `launch` with another.
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
