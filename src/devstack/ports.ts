// Free ports on the loopback interface.
import { createServer, type AddressInfo, type Server } from 'node:net'

export const LOOPBACK = '127.0.0.1'

/** `count` distinct free loopback ports. The ports are not reserved: another program may take a port before the caller does. */
export async function freePorts (count: number): Promise<number[]> {
  // All ports are open at the same time, so that the operating system cannot assign a port twice.
  const servers = await Promise.all(Array.from({ length: count }, async () => await listen(0)))
  const ports = servers.map(server => (server.address() as AddressInfo).port)
  await Promise.all(servers.map(close))
  return ports
}

/** Whether a server could listen on the loopback port now. */
export async function isPortFree (port: number): Promise<boolean> {
  try {
    await close(await listen(port))
    return true
  } catch {
    return false
  }
}

async function listen (port: number): Promise<Server> {
  return await new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen({ host: LOOPBACK, port, exclusive: true }, () => { resolve(server) })
  })
}

async function close (server: Server): Promise<void> {
  await new Promise<void>(resolve => { server.close(() => { resolve() }) })
}
