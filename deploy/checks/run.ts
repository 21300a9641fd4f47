// `npm run check:deploy`: checks everything in deploy/ and the image. Prints one line per check and `N passed, N failed, N skipped`.
// The exit code is 1 if a check failed or none passed. `--write` regenerates the generated files instead.
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { defaultCacheDir } from '../../src/devstack/tools.ts'
import { writeGenerated } from './generated.ts'
import { groups } from './groups/index.ts'
import { programs, Runner } from './runner.ts'
import { Toolbox } from './tools/toolbox.ts'

const root = join(import.meta.dirname, '..', '..')
const list = groups.map(({ name, about, full }) => `  ${name.padEnd(10)} ${about}${full === true ? ' (only with --full)' : ''}\n`).join('')
const usage = `npm run check:deploy [-- --only GROUP,... | --without GROUP,... | --full | --list | --crds DIR | --write]\n\n${list}`

function choose (only: string | undefined, without: string, full: boolean): typeof groups {
  const names = (text: string): string[] => text.split(',').filter(name => name !== '')
  const unknown = [...names(only ?? ''), ...names(without)].filter(name => !groups.some(group => group.name === name))
  if (unknown.length > 0 || (only !== undefined && names(only).length === 0)) throw new Error(`unknown groups: ${unknown.join(', ')}`)
  return groups.filter(group => only === undefined ? full || group.full !== true : names(only).includes(group.name))
    .filter(({ name }) => !names(without).includes(name))
}

async function main (): Promise<number> {
  const { env } = process
  let values, chosen
  try {
    values = parseArgs({
      options: {
        only: { type: 'string' },
        without: { type: 'string', default: env.ALERT_STREAM_CHECKS_WITHOUT ?? '' },
        crds: { type: 'string' },
        full: { type: 'boolean', default: false },
        list: { type: 'boolean', default: false },
        write: { type: 'boolean', default: false }
      }
    }).values
    chosen = choose(values.only, values.without, values.full)
  } catch (error) {
    process.stderr.write(`check:deploy: ${(error as Error).message}\n\n${usage}`)
    return 2
  }
  if (values.list) {
    process.stdout.write(usage)
    return 0
  }
  const shared = join(root, '..', 'shared', 'crds')
  const crds = values.crds ?? env.ALERT_STREAM_CRDS ?? await access(shared).then(() => shared, () => undefined)
  const stop = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => { stop.abort() })
  const progress = (line: string): void => { process.stderr.write(`check:deploy: ${line}\n`) }
  const common = { root, env, cacheDir: defaultCacheDir(env), signal: stop.signal, progress }
  if (values.write) {
    const tools = new Toolbox(common)
    const written = await writeGenerated({ root, tool: async name => await tools.tool(name), ...programs(env, stop.signal) })
    for (const path of written) process.stdout.write(`${path}\n`)
    return 0
  }
  const { passed, failed, skipped } = await new Runner({ ...common, crds, write: line => { process.stdout.write(`${line}\n`) } }).run(
    chosen)
  process.stdout.write(`${passed} passed, ${failed} failed, ${skipped} skipped\n`)
  return failed > 0 || passed === 0 ? 1 : 0
}

process.exitCode = await main()
