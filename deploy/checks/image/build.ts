// The image as the Containerfile makes it: built by buildah without a daemon, in chroot isolation, on stand-ins for the base images. The
// stand-ins are Debian by mmdebstrap with what the real images add, because package registries are reachable where image registries are
// not.
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { withLock } from '../../../src/devstack/index.ts'
import { Fault, type Context } from '../check.ts'
import { asRoot } from '../tools/pins.ts'
import { basesOf } from './containerfile.ts'

export interface Image {
  /** Where the root file system is mounted. */
  readonly folder: string
  readonly config: { readonly User?: string, readonly Entrypoint?: readonly string[], readonly Env?: readonly string[] }
}
export type AsRoot = (program: string, ...args: readonly string[]) => Promise<string>

const SUITE = 'bookworm'
const NPM = '11.21.2'
const PROXY = /^(PATH|(HTTPS?|NO)_PROXY)$/i

/** Packages and npm packages of each base image beside Debian itself. */
const additions: Readonly<Record<string, { readonly debian: readonly string[],
  readonly npm: ReadonlyArray<readonly [what: string, into: string]> }>> = {
  debian: { debian: [], npm: [] },
  python: { debian: ['python3', 'python3-pip'], npm: [] },
  node: { debian: ['g++', 'make', 'python3'], npm: [[`node-linux-${process.arch}@VERSION`, 'usr/local'],
    [`npm@${NPM}`, 'usr/local/lib/node_modules/npm']] }
}

/** Runs programs as root, with temporary files in `temporary`. */
export function rootOf (context: Context, temporary: string): AsRoot {
  const kept = Object.entries(context.env).filter(([name]) => PROXY.test(name)).map(([name, value]) => `${name}=${value}`)
  return async (program, ...args) => {
    const [first = '', ...words] = [...asRoot(), 'env', ...kept, `TMPDIR=${temporary}`, program, ...args]
    return await context.must(first, words)
  }
}

/** Builds the image. It is removed with the group of checks; the bases stay in the cache. */
export async function buildImage (context: Context): Promise<Image & { readonly root: AsRoot }> {
  const containerfile = join(context.root, 'Containerfile')
  const bases = basesOf(await readFile(containerfile, 'utf8'))
  const parent = join(context.cacheDir, 'images')
  const pins = createHash('sha256').update([...bases, JSON.stringify(additions), SUITE].join()).digest('hex').slice(0, 12)
  const folder = join(parent, `bases-${pins}`)
  const temporary = join(folder, 'tmp')
  await mkdir(temporary, { recursive: true })
  await held(context, join(parent, 'lock'))
  const root = rootOf(context, temporary)
  for (const name of await readdir(parent)) if (/^bases-/.test(name) && !name.endsWith(pins)) await root('rm', '-rf', join(parent, name))
  const policy = join(context.scratch, 'policy.json')
  await writeFile(policy, JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }))
  const program = await context.tool('buildah')
  const driver = await root(program, '--storage-driver', 'overlay', '--root', join(folder, 'overlay'), '--runroot',
    join(folder, 'overlay-run'), 'info')
    .then(() => 'overlay', () => 'vfs')
  const store = ['--storage-driver', driver, '--root', join(folder, driver), '--runroot', join(folder, `${driver}-run`)]
  const buildah: AsRoot = async (verb, ...args) =>
    await root(program, ...store, verb, ...['bud', 'from', 'commit'].includes(verb) ? ['--signature-policy', policy] : [], ...args)
  for (const base of bases) await makeBase(context, root, buildah, base)
  const tag = `localhost/alert-stream:check-${process.pid}`
  context.defer(async () => {
    await buildah('rm', '--all')
    await buildah('rmi', '--force', tag)
    await buildah('rmi', '--prune', '--force')
  })
  await buildah('bud', '--isolation', 'chroot', '--pull-never', '--format', 'docker', ...await secrets(context), '--build-arg',
    'REVISION=check',
    '--file', containerfile, '--tag', tag, context.root)
  const container = (await buildah('from', '--pull-never', tag)).trim()
  const { Docker } = JSON.parse(await buildah('inspect', '--type', 'image', tag)) as { Docker: { config: Image['config'] } }
  return { folder: (await buildah('mount', container)).trim(), config: Docker.config, root }
}

async function makeBase (context: Context, root: AsRoot, buildah: AsRoot, base: string): Promise<void> {
  if ((await buildah('images', '--format', '{{.Name}}:{{.Tag}}')).split('\n').includes(base)) return
  const [, name = '', version = ''] = /\/(\w+):([\d.]+)/.exec(base) ?? []
  const { debian, npm } = additions[name] ?? (() => { throw new Fault(`deploy/checks/image/build.ts has no stand-in for ${base}`) })()
  context.progress(`making a stand-in for ${base}`)
  const work = await mkdtemp(join(context.scratch, 'base-'))
  const hooks = ['set -e', 'rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*']
  for (const [what, into] of npm) {
    const pack = await mkdtemp(join(work, 'pack-'))
    await context.must('npm', ['pack', '--silent', what.replace('VERSION', version)], { cwd: pack })
    hooks.push(`mkdir -p "$1/${into}"`, `tar -xzf ${pack}/*.tgz -C "$1/${into}" --strip-components=1 --no-same-owner`)
  }
  if (npm.length > 0) hooks.push(...['npm', 'npx'].map(each =>
    `ln -s ../lib/node_modules/npm/bin/${each}-cli.js "$1/usr/local/bin/${each}"`))
  const script = join(work, 'customize')
  await writeFile(script, hooks.join('\n'))
  const excluded = ['doc', 'man', 'locale', 'info'].map(each => `--dpkgopt=path-exclude=/usr/share/${each}/*`)
  await root(await context.tool('mmdebstrap'), '--quiet', '--variant=minbase', ...excluded,
    '--dpkgopt=path-include=/usr/share/doc/*/copyright',
    '--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr', `--include=${['usr-is-merged', ...debian].join()}`,
      `--customize-hook=sh ${script} "$1"`,
    SUITE, join(work, 'root.tar'))
  const container = (await buildah('from', 'scratch')).trim()
  await buildah('add', '--quiet', container, join(work, 'root.tar'), '/')
  await buildah('config', '--env', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', container)
  await buildah('commit', '--quiet', '--rm', container, base)
}

/** Registry settings of npm and pip, as secrets, which are in no layer. */
async function secrets (context: Context): Promise<string[]> {
  const ca = context.env.NODE_EXTRA_CA_CERTS ?? context.env.SSL_CERT_FILE ?? ''
  const ask = async (key: string): Promise<string> => (await context.run('npm', ['config', 'get', key],
    { cwd: context.scratch })).stdout.trim()
  const userconfig = await readFile(await ask('userconfig'), 'utf8').catch(() => '')
  const lines = userconfig.split('\n').filter(line => /^(\/\/|@[^:=]+:registry|(registry|proxy|https-proxy|noproxy|strict-ssl)\s*=)/.test(
    line.trim()))
  const npmrc = [...lines, `registry=${await ask('registry')}`, ...ca === '' ? [] : ['cafile=/run/secrets/ca']]
  const pip = (await context.run('python3', ['-m', 'pip', 'config', 'list'])).stdout
  const settings = [...pip.matchAll(/^[^=]*\.((?:extra-)?index-url|trusted-host|proxy)='(.*)'$/gm)].map(([, key, value]) =>
    `${key} = ${value}`)
  const pipConf = ['[global]', ...settings, ...ca === '' ? [] : ['cert = /run/secrets/ca']]
  for (const [name, text] of [['npmrc', npmrc], ['pip.conf', pipConf]] as const)
    await writeFile(join(context.scratch, name), `${text.join('\n')}\n`, { mode: 0o600 })
  return [...['npmrc', 'pip.conf'].flatMap(name => ['--secret', `id=${name},src=${join(context.scratch, name)}`]),
    ...ca === '' ? [] : ['--secret', `id=ca,src=${ca}`]]
}

/** Holds a lock until the group of checks ends. */
async function held (context: Context, lock: string): Promise<void> {
  const { promise: ended, resolve: release } = Promise.withResolvers<void>()
  await new Promise<void>((resolve, reject) => {
    const holding = withLock(lock, async () => {
      resolve()
      await ended
    }, { onWait: holder => { context.progress(`waiting for process ${holder}, which builds an image`) } })
    holding.catch(reject)
    context.defer(async () => {
      release()
      await holding
    })
  })
}
