// healthcheck: checks the alert-stream process of a container. The image has one HEALTHCHECK for all modes, so this mode reads the mode and
// the admin port from the command line, environment and configuration file of that process. Linux only.
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { flags } from '../config/flags.ts'
import type { Environment } from '../config/parse.ts'
import { defineErrors, systemErrorCode, formatError } from '../pipeline/errors.ts'
import { readCommandLine } from '../program/command-line.ts'
import { mode, type ModeCatalogue } from '../program/mode.ts'

const healthErrors = defineErrors({
  NOT_HEALTHY: { hint: 'Check the log of the container.' }
})

/** The word of a command line that names the program. A launcher, an init or a shell may precede that word. */
const PROGRAM = /^alert-stream(\.js)?$/

export default mode({
  mode: 'healthcheck',
  about: 'Requests /livez from the admin server of process 1. A mode without an admin server, such as generate, is alive while it runs. ' +
    'Exit code 0: alive; 1: not alive. The image uses this mode as its HEALTHCHECK. In Kubernetes, probes request /livez directly.',
  examples: ['alert-stream healthcheck', 'podman exec NAME alert-stream healthcheck'],
  positionals: [{ name: 'PID', optional: true, description: 'the process to check; default 1, the first process of a container' }],
  flags: flags({
    timeout: { type: 'number', min: 0.1, default: 4, placeholder: 'SECONDS', description: 'Timeout of the request, in seconds.' }
  }),
  async run ({ timeout }, [pid = '1'], host) {
    const { name, url } = await adminOf(await processOf(pid), host.modes)
    if (url === undefined) return host.print(`${name} is running, without an admin port\n`)
    let status: number
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(timeout * 1000) })
      await response.body?.cancel()
      status = response.status
    } catch (cause) {
      throw healthErrors.NOT_HEALTHY(`${name} does not respond`, { where: url, cause })
    }
    if (status !== 200) throw healthErrors.NOT_HEALTHY(`${name} responded with HTTP ${status}`, { where: url })
    await host.print(`${name} is alive: ${url}\n`)
  }
})

interface Process { readonly pid: string, readonly argv: readonly string[], readonly environment: Environment }

/** Reads the command line and the environment of a process from /proc. Error: NOT_HEALTHY. */
async function processOf (pid: string): Promise<Process> {
  const read = async (file: string): Promise<string[]> => {
    const where = `/proc/${pid}/${file}`
    try {
      return (await readFile(where, 'utf8')).split('\0').slice(0, -1)
    } catch (cause) {
      const what = systemErrorCode(cause) === 'ENOENT' ? `no process ${pid}` : `cannot inspect process ${pid}`
      throw healthErrors.NOT_HEALTHY(what, { where, cause })
    }
  }
  const argv = await read('cmdline')
  const environment = (await read('environ')).map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)])
  return { pid, argv, environment: Object.fromEntries(environment) as Environment }
}

/** The mode of the process, and the URL of /livez if the mode has an admin port. Error: NOT_HEALTHY. */
async function adminOf ({ pid, argv, environment }: Process, modes: ModeCatalogue): Promise<{ name: string, url?: string }> {
  const program = argv.findIndex(word => PROGRAM.test(basename(word)))
  if (program === -1) throw healthErrors.NOT_HEALTHY(`process ${pid} is not alert-stream: ${argv.slice(0, 3).join(' ')}`)
  const [name, ...rest] = argv.slice(program + 1)
  if (name === undefined || name.startsWith('-')) return { name: 'alert-stream' }
  try {
    const line = await readCommandLine(await modes.find(name), rest, environment, modes)
    const { adminPort, adminHost } = (line?.config ?? {}) as { readonly adminPort?: number, readonly adminHost?: string }
    // With port 0, the operating system chose a free port. The port appears only in the log of the process, so the URL is unknown.
    if (adminPort === undefined || adminPort === 0 || adminHost === undefined) return { name }
    return { name, url: `http://${reachable(adminHost)}:${adminPort}/livez` }
  } catch (cause) {
    throw healthErrors.NOT_HEALTHY(`process ${pid} has an invalid command line: ${formatError(cause)}`, { cause })
  }
}

/** The address that clients connect to if a server listens on `host`. */
function reachable (host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}
