// `npm run check:deploy`: all checks of what is in deploy/, by the real tools. Options: --only GROUP,... | --without GROUP,... (also by the
// variable ALERT_STREAM_CHECKS_WITHOUT, for a machine that is too slow for one) | --list | --crds DIR | --write. Prints a line for each
// check and ends with `N passed, N failed, N skipped`; exit code 1 where one failed or none passed. Whatever ends it, no process stays
// behind. --write checks nothing: it makes anew what in deploy/ is made from something else there.
import { access } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { defaultCacheDir } from '../../src/devstack/tools.ts'
import { writeGenerated } from './generated.ts'
import { groups } from './groups/index.ts'
import { Runner } from './runner.ts'

const root = join(import.meta.dirname, '..', '..')
const groupLines = groups.map(({ name, about }) => `  ${name.padEnd(12)} ${about}\n`).join('')
const usage = `npm run check:deploy [-- --only GROUP,... | --without GROUP,... | --list | --crds DIR | --write]\n\n${groupLines}`

interface Options {
  readonly only: readonly string[] | undefined
  readonly without: readonly string[]
  readonly list: boolean
  readonly write: boolean
  readonly crds: string | undefined
}

function options (): Options {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', multiple: true },
      without: { type: 'string', multiple: true },
      list: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      crds: { type: 'string' }
    }
  })
  const named = (lists: readonly string[]): string[] => lists.flatMap(names => names.split(',')).filter(name => name !== '')
  const only = values.only === undefined ? undefined : named(values.only)
  const without = named(values.without ?? [process.env.ALERT_STREAM_CHECKS_WITHOUT ?? ''])
  const unknown = [...only ?? [], ...without].filter(name => !groups.some(group => group.name === name))
  // Whoever names none would be told that all is well.
  if (only?.length === 0) throw new Error('--only names no group')
  if (unknown.length > 0) throw new Error(`no group is called ${unknown.join(', ')}`)
  return { only, without, list: values.list, write: values.write, crds: values.crds ?? process.env.ALERT_STREAM_CRDS }
}

async function main (): Promise<number> {
  let given
  try {
    given = options()
  } catch (error) {
    process.stderr.write(`check:deploy: ${error instanceof Error ? error.message : String(error)}\n\n${usage}`)
    return 2
  }
  if (given.list) {
    process.stdout.write(usage)
    return 0
  }
  const beside = join(root, '..', 'shared', 'crds')
  const crds = given.crds ?? await access(beside).then(() => beside, () => undefined)
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (!stop.signal.aborted) process.stderr.write(`check:deploy: stopped by ${signal}\n`)
      stop.abort()
    })
  }
  const progress = (line: string): void => { process.stderr.write(`check:deploy: ${line}\n`) }
  const common = { root, env: process.env, cacheDir: defaultCacheDir(process.env), signal: stop.signal, progress }
  if (given.write) {
    for (const path of await writeGenerated(common)) process.stdout.write(`${relative(root, path)}\n`)
    return 0
  }
  const runner = new Runner({
    ...common,
    crds,
    write: line => { process.stdout.write(`${line}\n`) }
  })
  const { passed, failed, skipped } = await runner.run(groups, given.only, given.without)
  process.stdout.write(`${passed} passed, ${failed} failed, ${skipped} skipped\n`)
  return failed > 0 || passed === 0 ? 1 : 0
}

process.exitCode = await main()
