// Go: programs built from small modules in go/NAME, whose go.sum pins all sources by checksum, and modules whose files serve as data.
import { readFileSync } from 'node:fs'
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { devstackErrors } from '../../../src/devstack/errors.ts'
import { findProgram, runTool, type Environment } from '../../../src/devstack/tools.ts'
import type { Kitchen, Recipe } from './recipe.ts'

/** The oldest that builds all of them; a newer one on PATH serves as well, else the one from a wheel is used. */
const GO = [1, 26, 6] as const

const folder = join(import.meta.dirname, 'go')
// `local`: a toolchain that go.mod would ask for is never fetched behind our back. The go.sum is complete: nothing is resolved, nothing
// written.
const env: Environment = { GOFLAGS: '-mod=readonly -buildvcs=false', GOTOOLCHAIN: 'local', GOWORK: 'off', GO111MODULE: 'on' }

export interface GoProgram {
  readonly title: string
  /** Its module: a folder of go/. */
  readonly module: string
  /** Import path of its main package. */
  readonly main: string
  readonly program: string
  /** Values of its variables, by import path: a module's own build sets its version so. */
  readonly variables?: Readonly<Record<string, string>>
}

export function goProgram ({ title, module, main, program, variables = {} }: GoProgram): Recipe {
  const ldflags = ['-s', '-w', ...Object.entries(variables).map(([name, value]) => `-X ${name}=${value}`)].join(' ')
  const source = join(folder, module)
  return {
    title,
    pins: [main, ...(Object.keys(variables).length === 0 ? [] : [ldflags]),
      ...['go.mod', 'go.sum'].map(name => readFileSync(join(source, name), 'utf8'))],
    path: `bin/${program}`,
    needs: ['go'],
    fetcher: goFetcher,
    env,
    fetch: async (into, go) => {
      await mkdir(join(into, 'bin'))
      // Two packages at once: the linker of the large ones takes gigabytes.
      await go(['build', '-p', '2', '-trimpath', `-ldflags=${ldflags}`, '-o', join(into, 'bin', program), main], source)
    }
  }
}

export interface GoModule {
  readonly title: string
  readonly module: string
  readonly version: string
  /** The module's own checksum, as go.sum has it. */
  readonly sum: string
  /** Files and folders of it that are kept. */
  readonly take: readonly string[]
}

/** Files of a Go module, for example the CRDs that an operator publishes. */
export function goModule ({ title, module, version, sum, take }: GoModule): Recipe {
  const name = `${module}@${version}`
  return {
    title,
    pins: [name, sum, ...take],
    path: '.',
    needs: ['go'],
    fetcher: goFetcher,
    env,
    fetch: async (into, _run, kitchen) => {
      // Not through `run`, which keeps no output: the sum and the folder are in it.
      const { code, stdout, stderr } = await runTool(await goFetcher.find(kitchen), ['mod', 'download', '-json', name], {
        env: { ...kitchen.env, ...env },
        cwd: into,
        signal: kitchen.signal
      })
      const said = code === 0 || stdout !== '' ? JSON.parse(stdout) as { Dir?: string, Sum?: string, Error?: string } : {}
      if (said.Dir === undefined)
        throw devstackErrors.DEVSTACK_DOWNLOAD(`${title} could not be downloaded: go mod download ${name}: ${said.Error ?? stderr.trim()}`)
      if (said.Sum !== sum) throw devstackErrors.DEVSTACK_CHECKSUM(`${name} is not the pinned module: ${said.Sum}, expected ${sum}`)
      for (const path of take) {
        await mkdir(dirname(join(into, path)), { recursive: true })
        await cp(join(said.Dir, path), join(into, path), { recursive: true })
      }
    }
  }
}

const goFetcher = {
  name: 'Go',
  find: async ({ path }: Pick<Kitchen, 'path'>) => await Promise.resolve(path('go'))
}

/** The machine's own Go, where it is new enough. */
export async function goOnPath (env: Environment): Promise<string | undefined> {
  const path = await findProgram('go', env)
  if (path === undefined) return undefined
  const { stdout } = await runTool(path, ['version'], { env: { ...env, GOTOOLCHAIN: 'local' } })
  return isNewEnough(stdout) ? path : undefined
}

/** Whether `go version` tells of one that builds all of the tools. */
export function isNewEnough (said: string): boolean {
  const found = /go(\d+)\.(\d+)(?:\.(\d+))?/.exec(said)?.slice(1).map(part => Number(part ?? 0))
  if (found === undefined) return false
  const [major, minor, patch] = GO
  const [a = 0, b = 0, c = 0] = found
  return a > major || (a === major && (b > minor || (b === minor && c >= patch)))
}

/** The Go of the wheel would fetch a newer one of itself where a module asks for it; not here. */
export async function settleGo (goroot: string): Promise<void> {
  const path = join(goroot, 'go.env')
  const text = await readFile(path, 'utf8').catch(() => '')
  await rm(path, { force: true })
  await writeFile(path, `${text.replaceAll(/^GOTOOLCHAIN=.*$/gm, '')}\nGOTOOLCHAIN=local\n`)
}
