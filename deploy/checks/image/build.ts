// The image as the Containerfile makes it: built by buildah in chroot isolation on stand-ins for its bases, and mounted to be looked at.
// One after the other where two runs want it; what a run built goes at its end, the bases stay.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { withLock } from '../../../src/devstack/index.ts'
import { Fault, type Context } from '../check.ts'
import { shortHash } from '../tools/recipe.ts'
import { basesPins, ensureBases } from './bases.ts'
import { openBuildah, type Buildah, type Root } from './buildah.ts'
import type { Image } from './container.ts'
import { basesOf } from './containerfile.ts'
import type { ImageConfig } from './facts.ts'
import { secretsOf } from './secrets.ts'

/** As a build on a clean checkout of a tag would be told. */
export const REVISION = '0123456789abcdef0123456789abcdef01234567'
const CREATED = '2026-01-01T00:00:00Z'
const WHOLE = 'bases-are-whole'
const NAME = 'localhost/alert-stream:check'

export interface Workshop {
  /** Builds it at the first call. A `Fault` where that fails, which only the first one explains. */
  image (): Promise<Image>
  /** Another one on top of it, from these lines. */
  variant (name: string, lines: readonly string[]): Promise<Image>
  /** Runs a script of the shell in it, as its user, in chroot isolation; standard output. */
  shell (script: string): Promise<string>
  root (): Promise<Root>
}

/** Opens nothing yet. */
export function workshopOf (context: Context): Workshop {
  let bench: Promise<Bench> | undefined
  let built: Promise<Image> | undefined
  let explained = false
  const open = async (): Promise<Bench> => await (bench ??= Bench.open(context))
  const image = async (): Promise<Image> => {
    built ??= open().then(async bench => await bench.build())
    try {
      return await built
    } catch (error) {
      if (explained) throw new Fault('there is no image: see above')
      explained = true
      throw error
    }
  }
  return {
    image,
    variant: async (name, lines) => {
      await image()
      return await (await open()).variant(name, lines)
    },
    shell: async script => {
      await image()
      return await (await open()).shell(script)
    },
    root: async () => (await open()).root
  }
}

class Bench {
  readonly #context: Context
  readonly #buildah: Buildah
  readonly #folder: string
  readonly #bases: readonly string[]
  readonly #tag = `${NAME}-${process.pid}`
  #shell: string | undefined

  private constructor (context: Context, buildah: Buildah, folder: string, bases: readonly string[]) {
    this.#context = context
    this.#buildah = buildah
    this.#folder = folder
    this.#bases = bases
  }

  static async open (context: Context): Promise<Bench> {
    const bases = basesOf(await readFile(join(context.root, 'Containerfile'), 'utf8'))
    const parent = join(context.cacheDir, 'images')
    const folder = join(parent, `bases-${shortHash(await basesPins(bases))}`)
    await mkdir(folder, { recursive: true })
    const buildah = await locked(context, join(parent, 'lock'), async () => await openBuildah(context, folder))
    const bench = new Bench(context, buildah, folder, bases)
    context.defer(async () => { await bench.#clear() })
    return bench
  }

  get root (): Root { return this.#buildah.root }

  async build (): Promise<Image> {
    await this.#prepare()
    await this.#clear()
    const { root } = this.#context
    return await this.#bud(this.#tag, [
      ...await secretsOf(this.#context),
      '--build-arg',
      `REVISION=${REVISION}`,
      '--build-arg',
      `CREATED=${CREATED}`,
      '--file',
      join(root, 'Containerfile')
    ])
  }

  async variant (name: string, lines: readonly string[]): Promise<Image> {
    const file = join(this.#context.scratch, `Containerfile.${name}`)
    await writeFile(file, [`FROM ${this.#tag}`, ...lines, ''].join('\n'))
    return await this.#bud(`${this.#tag}-${name}`, ['--file', file])
  }

  async shell (script: string): Promise<string> {
    // One of its own: what is written in it must not count as the image's.
    this.#shell ??= (await this.#buildah.must('from', '--pull-never', this.#tag)).trim()
    return await this.#buildah.must('run', '--isolation', 'chroot', '--network', 'host', this.#shell, '--', 'sh', '-c', script)
  }

  // Bases of another time go; a store that was left half made would be taken for a whole one.
  async #prepare (): Promise<void> {
    const parent = dirname(this.#folder)
    const old = (await readdir(parent)).filter(name => name.startsWith('bases-') && join(parent, name) !== this.#folder)
    for (const name of old) await this.root.must('rm', ['-rf', join(parent, name)])
    if ((await readdir(this.#folder)).includes(WHOLE)) return
    await this.root.must('rm', ['-rf', this.#buildah.store])
    await ensureBases(this.#context, this.#buildah, this.#bases)
    await writeFile(join(this.#folder, WHOLE), '')
  }

  async #bud (name: string, words: readonly string[]): Promise<Image> {
    await this.#buildah.must(
      'bud',
      '--isolation',
      'chroot',
      '--pull-never',
      '--format',
      'docker',
      ...words,
      '--tag',
      name,
      this.#context.root
    )
    const container = (await this.#buildah.must('from', '--pull-never', name)).trim()
    const folder = (await this.#buildah.must('mount', container)).trim()
    const { Docker } = JSON.parse(await this.#buildah.must('inspect', '--type', 'image', name)) as { Docker?: { config?: ImageConfig } }
    if (Docker?.config === undefined) throw new Fault(`${name} has no configuration`)
    return { folder, config: Docker.config }
  }

  // Also what a run before this one left, if it was killed.
  async #clear (): Promise<void> {
    const { clean } = this.#buildah
    await clean('rm', '--all')
    const names = (await clean('images', '--format', '{{.Name}}:{{.Tag}}')).split('\n').filter(name => name.startsWith(`${NAME}-`))
    for (const name of names) await clean('rmi', '--force', name)
    // Stages of the build that have no name.
    await clean('rmi', '--prune', '--force')
  }
}

/** Holds the lock until the group of checks ends. */
async function locked<T> (context: Context, lock: string, work: () => Promise<T>): Promise<T> {
  return await new Promise<T>((resolve, reject) => {
    const holding = withLock(lock, async () => {
      let release = (): void => {}
      const ended = new Promise<void>(done => { release = done })
      context.defer(async () => {
        release()
        await holding
      })
      try {
        resolve(await work())
      } catch (error) {
        reject(error as Error)
      }
      await ended
    }, { onWait: holder => { context.progress(`waiting for process ${holder}, which builds an image`) } })
    holding.catch(reject)
  })
}
