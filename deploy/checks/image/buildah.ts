// buildah without a daemon: its store is one of ours, in the cache, where the bases stay; images of a run are removed at its end. As root
// (or by sudo), because bases are unpacked and containers run with several users' files.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runTool, type ToolResult } from '../../../src/devstack/tools.ts'
import { Fault, type Context } from '../check.ts'
import { done } from '../programs.ts'
import { asRoot } from '../tools/machine.ts'

/** What programs behind a proxy need to be told. */
const PROXY = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy']

export interface Root {
  /** The words before a program that make root run it. */
  readonly prefix: readonly string[]
  run (program: string, args: readonly string[], cwd?: string): Promise<ToolResult>
  /** Standard output; a failure is a `Fault` with all that was said. */
  must (program: string, args: readonly string[], cwd?: string): Promise<string>
}

export interface Buildah {
  readonly root: Root
  /** The folder in which everything of it is. */
  readonly store: string
  must (...args: readonly string[]): Promise<string>
  /** The same at the end, also of a run that was stopped: done as well as it can be. */
  clean (...args: readonly string[]): Promise<string>
}

/** Runs programs as root, with temporary files in a folder of the cache, where they find room. */
export function rootOf (context: Context, temporary: string): Root {
  const { env } = context
  const kept = ['PATH', ...PROXY].flatMap(name => env[name] === undefined ? [] : [`${name}=${env[name]}`])
  const prefix = [...asRoot(), 'env', ...kept, `TMPDIR=${temporary}`]
  const words = (program: string, args: readonly string[]): [string, string[]] => {
    const [first = program, ...rest] = [...prefix, program, ...args]
    return [first, rest]
  }
  const run: Root['run'] = async (program, args, cwd) => await context.run(...words(program, args), cwd === undefined ? {} : { cwd })
  // A build says more than anybody reads, and is told at length what to do.
  return { prefix, run, must: async (program, args, cwd) => done(program, args.slice(0, 12), await run(program, args, cwd), 60) }
}

/** With the first storage driver that this machine lets it use: overlay copies nothing, vfs works everywhere. */
export async function openBuildah (context: Context, folder: string): Promise<Buildah> {
  const program = await context.tool('buildah')
  const temporary = join(folder, 'tmp')
  await mkdir(temporary, { recursive: true })
  // Nothing is pulled, so nothing is to be signed; a machine without a policy of its own works too.
  const policy = join(context.scratch, 'policy.json')
  await writeFile(policy, JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }))
  const root = rootOf(context, temporary)
  for (const driver of ['overlay', 'vfs']) {
    const store = join(folder, driver)
    const where = ['--storage-driver', driver, '--root', join(store, 'root'), '--runroot', join(store, 'run')]
    if ((await root.run(program, [...where, 'info'])).code !== 0) continue
    return {
      root,
      store,
      must: async (...[verb = '', ...args]) => await root.must(program, [...where, verb, ...signed(verb, policy), ...args]),
      clean: async (...args) => {
        const [first = '', ...words] = [...root.prefix, program, ...where, ...args]
        return (await runTool(first, words, { env: context.env })).stdout
      }
    }
  }
  throw new Fault('buildah can use neither overlay nor vfs as its storage', (await root.run(program, ['info'])).stderr)
}

function signed (verb: string, policy: string): string[] {
  return ['bud', 'from', 'commit'].includes(verb) ? ['--signature-policy', policy] : []
}
