// A container as Kubernetes would run it, without a daemon: the image's root, read-only, with a /tmp of its own; the program as the first
// of its own processes, as the image's user, without a capability and without a way to one. The network is the machine's.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ToolResult } from '../../../src/devstack/tools.ts'
import { Fault, type Context } from '../check.ts'
import type { Root } from './buildah.ts'
import { ID, type ImageConfig } from './facts.ts'

export interface Image {
  /** Where its files are mounted. */
  readonly folder: string
  readonly config: ImageConfig
}

// exec all the way: what comes last is process 1.
const SETUP = `set -e
root=$1; data=$2; shift 2
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$root/tmp"
mount --bind "$data" "$root/mnt"
mount -o remount,bind,ro "$root/mnt"
mount -o remount,bind,ro "$root"
exec chroot "$root" "$@"`

/** Words that come before the program: another user, nothing to be had beyond that, and the image's own environment. */
function asUser ({ config }: Image, environment: Readonly<Record<string, string>>): string[] {
  return [
    'setpriv', `--reuid=${ID}`, `--regid=${ID}`, '--clear-groups', '--inh-caps=-all', '--bounding-set=-all', '--no-new-privs',
    'env', '-i', '-C', '/tmp', ...config.Env ?? [], ...Object.entries(environment).map(([name, value]) => `${name}=${value}`)
  ]
}

export class Container {
  readonly #root: Root
  readonly #image: Image
  readonly #child: ChildProcess
  readonly #exit: Promise<number | undefined>
  #output = ''
  #first: number | undefined

  private constructor (root: Root, image: Image, child: ChildProcess) {
    this.#root = root
    this.#image = image
    this.#child = child
    for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (text: string) => { this.#output += text })
    this.#exit = once(child, 'close').then(([code]) => code as number | null ?? undefined)
  }

  /**
   * Starts the image's entry point with these arguments; `data` is a folder that it sees, read-only, as /mnt. Ends with the group of
   * checks.
   */
  static async start (
    context: Context,
    root: Root,
    image: Image,
    args: readonly string[],
    data: string,
    environment: Readonly<Record<string, string>> = {}
  ): Promise<Container> {
    const unshare = await context.tool('unshare')
    const [program = '', ...words] = [
      ...root.prefix, unshare, '--mount', '--pid', '--fork', '--kill-child', 'sh', '-c', SETUP, 'sh', image.folder, data,
      ...asUser(image, environment), ...image.config.Entrypoint ?? [], ...args
    ]
    const container = new Container(root, image, spawn(program, words, { env: { ...context.env }, stdio: ['ignore', 'pipe', 'pipe'] }))
    context.defer(async () => {
      if (container.#child.exitCode === null) await container.signal('KILL').catch(() => { container.#child.kill('SIGKILL') })
      await container.#exit
    })
    return container
  }

  /** All that it has printed. */
  get output (): string { return this.#output }

  /** Resolves when it has printed this. Throws a `Fault` where it ends first, or takes too long. */
  async waitFor (pattern: RegExp, seconds = 30): Promise<void> {
    const deadline = Date.now() + seconds * 1000
    while (!pattern.test(this.#output)) {
      if (this.#child.exitCode !== null)
        throw new Fault(`it ended with exit code ${this.#child.exitCode} before it printed ${String(pattern)}`, this.#output)
      if (Date.now() > deadline) throw new Fault(`it did not print ${String(pattern)} within ${seconds} s`, this.#output)
      await sleep(50)
    }
  }

  /** Its process 1, as the machine numbers it. */
  async first (): Promise<number> {
    this.#first ??= await poll(async () => await firstBelow(this.#child.pid ?? 0), 'it has no process 1')
    return this.#first
  }

  /** Sends its process 1 a signal: `TERM`. */
  async signal (name: string): Promise<void> {
    await this.#root.must('kill', [`-${name}`, String(await this.first())])
  }

  /** Exit code; a `Fault` where it takes longer. */
  async exited (seconds: number): Promise<number | undefined> {
    const late = Symbol('late')
    const stop = new AbortController()
    const code = await Promise.race([this.#exit, sleep(seconds * 1000, late, { signal: stop.signal }).catch(() => late)])
    stop.abort()
    if (code === late) throw new Fault(`it did not end within ${seconds} s`, this.#output)
    return code as number | undefined
  }

  /** Runs a program inside, as the same user, with the same environment. */
  async exec (args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<ToolResult> {
    const target = ['--target', String(await this.first()), '--mount', '--pid', '--root', '--']
    return await this.#root.run('nsenter', [...target, ...asUser(this.#image, environment), ...args])
  }
}

/** The process that is number 1 in processes of its own, among the descendants of this one. */
async function firstBelow (pid: number): Promise<number | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  const numbers = /^NSpid:\s+(.*)$/m.exec(status)?.[1]?.split(/\s+/) ?? []
  const program = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  if (numbers.length > 1 && numbers.at(-1) === '1' && program.includes('alert-stream\0') && /^(\/\S+\/)?node\0/.test(program)) return pid
  for (const thread of await readdir(`/proc/${pid}/task`).catch(() => [])) {
    const children = await readFile(`/proc/${pid}/task/${thread}/children`, 'utf8').catch(() => '')
    for (const child of children.split(' ').filter(word => word !== '')) {
      const found = await firstBelow(Number(child))
      if (found !== undefined) return found
    }
  }
  return undefined
}

async function poll<T> (ask: () => Promise<T | undefined>, otherwise: string): Promise<T> {
  for (let tries = 0; tries < 200; tries++) {
    const found = await ask()
    if (found !== undefined) return found
    await sleep(25)
  }
  throw new Fault(otherwise)
}
