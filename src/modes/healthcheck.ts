// healthcheck: whether the alert-stream of this container lives, for an image's HEALTHCHECK, which is one for all modes. Which mode runs, and
// where its admin port is, is read off the process itself: its command line, environment and configuration file, as it read them. Linux only.
// Part of the CLI because it speaks of every mode.
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Environment } from '../config/parse.ts'
import { flags } from '../config/flags.ts'
import { mode } from '../program/mode.ts'
import { defineErrors, systemErrorCode, formatError } from '../pipeline/errors.ts'
import { readCommandLine } from '../cli/command-line.ts'
import { findMode } from '../cli/find-mode.ts'

const healthErrors = defineErrors({
  NOT_HEALTHY: { hint: 'See the log of the mode.' }
})

/** What a launcher, an init or a shell has before the words of the program itself. */
const PROGRAM = /^alert-stream(\.js)?$/

export default mode({
  mode: 'healthcheck',
  summary: 'Says whether the alert-stream of this container lives.',
  about: 'Asks /livez of the admin port of the mode that runs as process 1; a mode without one (generate, sync-schema, ...) lives as long as it runs. Exit code 0: it lives; 1: it does not. The image has it as its HEALTHCHECK; in Kubernetes, probes ask the admin port themselves.',
  examples: ['alert-stream healthcheck', 'podman exec NAME alert-stream healthcheck'],
  positionals: [{ name: 'PID', optional: true, description: 'the process to ask about; default 1, the first one of a container' }],
  flags: flags({
    timeout: { type: 'number', min: 0.1, default: 4, placeholder: 'SECONDS', description: 'How long the answer may take.' }
  }),
  async run ({ timeout }, [pid = '1'], host) {
    const process = await processOf(pid)
    const { name, url } = await adminOf(process)
    if (url === undefined) return host.print(`${name} has no admin port; it runs\n`)
    let status: number
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(timeout * 1000) })
      await response.body?.cancel()
      status = response.status
    } catch (cause) {
      throw healthErrors.NOT_HEALTHY(`${name} does not answer`, { where: url, cause })
    }
    if (status !== 200) throw healthErrors.NOT_HEALTHY(`${name} answers ${status}`, { where: url })
    await host.print(`${name} lives: ${url}\n`)
  }
})

interface Process {
  readonly pid: string
  readonly words: readonly string[]
  readonly environment: Environment
}

/** Error: NOT_HEALTHY. */
async function processOf (pid: string): Promise<Process> {
  const read = async (file: string): Promise<string[]> => {
    try {
      return (await readFile(`/proc/${pid}/${file}`, 'utf8')).split('\0').slice(0, -1)
    } catch (cause) {
      throw healthErrors.NOT_HEALTHY(systemErrorCode(cause) === 'ENOENT' ? `there is no process ${pid}` : `process ${pid} cannot be looked at`, { where: `/proc/${pid}/${file}`, cause })
    }
  }
  const words = await read('cmdline')
  const environment = (await read('environ')).map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)])
  return { pid, words, environment: Object.fromEntries(environment) as Environment }
}

/** The mode that it runs, and what to ask where that mode can be asked. Error: NOT_HEALTHY. */
async function adminOf ({ pid, words, environment }: Process): Promise<{ readonly name: string, readonly url: string | undefined }> {
  const program = words.findIndex(word => PROGRAM.test(basename(word)))
  if (program === -1) throw healthErrors.NOT_HEALTHY(`process ${pid} is no alert-stream: ${words.slice(0, 3).join(' ')}`)
  const [name, ...rest] = words.slice(program + 1)
  if (name === undefined || name.startsWith('-')) return { name: 'alert-stream', url: undefined }
  try {
    const line = await readCommandLine(await findMode(name), rest, environment)
    const { adminPort, adminHost } = (line?.config ?? {}) as { readonly adminPort?: number, readonly adminHost?: string }
    // Port 0 is one that only the log knows.
    const url = adminPort === undefined || adminPort === 0 || adminHost === undefined ? undefined : `http://${reachable(adminHost)}:${adminPort}/livez`
    return { name, url }
  } catch (cause) {
    throw healthErrors.NOT_HEALTHY(`process ${pid} cannot run: ${formatError(cause)}`, { cause })
  }
}

/** An address to ask for one that is listened on. */
function reachable (host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}
