// A real NGINX on loopback ports, with a configuration that the caller makes for them, in a folder of its own.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { launchOn } from '../../../src/devstack/launch.ts'
import { freePorts, LOOPBACK } from '../../../src/devstack/ports.ts'
import { startServer } from '../../../src/devstack/server-process.ts'
import { silent } from '../../../src/pipeline/log.ts'
import type { Context } from '../check.ts'

export interface Nginx {
  readonly port: number
  /** A second port, for configurations that have use for one. */
  readonly otherPort: number
  stop (): Promise<void>
}

/** Where and how nginx is started: paths that do not begin with a slash are below `folder`. */
export function nginxArgs (folder: string, file: string): string[] {
  return ['-e', 'stderr', '-p', `${folder}/`, '-c', file]
}

/** Starts it and waits until it accepts connections; rejects with nginx's own words where it does not take the configuration. */
export async function startNginx (context: Context, name: string, config: (port: number, otherPort: number) => string): Promise<Nginx> {
  const program = await context.tool('nginx')
  const folder = join(context.scratch, name)
  const file = join(folder, 'nginx.conf')
  await mkdir(folder, { recursive: true })
  const [otherPort = 0] = await freePorts(1)
  return await launchOn({ name, dataDir: folder, port: undefined, log: silent }, async port => {
    await writeFile(file, config(port, otherPort))
    const server = await startServer({
      name,
      program,
      // A master that is root gives its workers another user, who may not enter this folder.
      args: [...nginxArgs(folder, file), ...(process.getuid?.() === 0 ? ['-g', 'user root;'] : [])],
      env: context.env,
      dataDir: folder,
      logFile: join(folder, 'nginx.log'),
      ready: async signal => {
        // Any answer will do.
        await fetch(`http://${LOOPBACK}:${port}/`, { signal, redirect: 'manual' })
        return true
      },
      readyMs: 20_000,
      log: silent
    })
    const stop = async (): Promise<void> => { await server.stop(5_000) }
    context.defer(stop)
    return { port, otherPort, stop }
  })
}
