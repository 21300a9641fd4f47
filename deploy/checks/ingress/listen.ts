// Servers of this program's own, on a free loopback port until the group of checks ends.
import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { LOOPBACK } from '../../../src/devstack/ports.ts'
import type { Context } from '../check.ts'

export interface Listening {
  readonly port: number
  /** May be called again. */
  stop (): Promise<void>
}

export async function listen (context: Pick<Context, 'defer'>, server: Server): Promise<Listening> {
  server.listen(0, LOOPBACK)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  let stopped: Promise<unknown> | undefined
  const stop = async (): Promise<void> => {
    if (stopped === undefined) {
      stopped = once(server, 'close')
      server.closeAllConnections()
      server.close()
    }
    await stopped
  }
  context.defer(stop)
  return { port, stop }
}
