// The image as the Containerfile makes it: built by buildah without a daemon, in chroot isolation, on stand-ins for the base images.
import { createHash } from 'node:crypto'
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import { withLock } from '../../../src/devstack/lock.ts'
import { runTool } from '../../../src/devstack/tools.ts'
import { CACHE, must, progress, ROOT, tool } from '../tools/toolbox.ts'
import { basesOf } from './containerfile.ts'

export interface Image {
  /** Where the root file system is mounted. */
  readonly folder: string
  readonly config: { readonly User?: string, readonly Entrypoint?: readonly string[], readonly Env?: readonly string[] }
  readonly root: AsRoot
}
type AsRoot = (program: string, ...args: readonly string[]) => Promise<string>

const SUITE = 'bookworm'
const NPM = '11.21.2'
const BASES = join(import.meta.dirname, 'bases.Containerfile')
const BUILD = ['--isolation', 'chroot', '--pull-never', '--format', 'docker']
/** Words that run a program as root: sudo, if this is another user and sudo asks for no password. */
export const sudo = process.getuid?.() === 0 ? [] : ['sudo', '-n']

/** Builds the image. It is removed after the tests; the bases stay in the cache. */
export async function buildImage (t: Test, scratch: string): Promise<Image> {
  const containerfile = join(ROOT, 'Containerfile')
  const bases = [...basesOf(await readFile(containerfile, 'utf8')).keys()]
  const parent = join(CACHE, 'images')
  const inputs = await Promise.all([import.meta.filename, BASES].map(async file => await readFile(file, 'utf8')))
  const pins = createHash('sha256').update([...bases, ...inputs].join()).digest('hex').slice(0, 12)
  const store = join(parent, `bases-${pins}`)
  await mkdir(join(store, 'tmp'), { recursive: true })
  const kept = Object.entries(process.env).filter(([name]) => /^(PATH|(HTTPS?|NO)_PROXY)$/i.test(name))
    .map(([name, value]) => `${name}=${value}`)
  const root: AsRoot = async (program, ...args) => {
    const [first = '', ...words] = [...sudo, 'env', ...kept, `TMPDIR=${join(store, 'tmp')}`, program, ...args]
    return await must(first, words)
  }
  const program = await tool('buildah')
  const storage = (driver: string): string[] =>
    ['--storage-driver', driver, '--root', join(store, driver), '--runroot', join(store, `${driver}-run`)]
  const driver = await root(program, ...storage('overlay'), 'info').then(() => 'overlay', () => 'vfs')
  const policy = join(scratch, 'policy.json')
  await writeFile(policy, JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }))
  const buildah: AsRoot = async (verb, ...args) => await root(program, ...storage(driver), verb,
    ...['bud', 'from'].includes(verb) ? ['--signature-policy', policy] : [], ...args)
  await withLock(join(parent, 'lock'), async () => {
    for (const name of await readdir(parent))
      if (/^bases-/.test(name) && !name.endsWith(pins)) await root('rm', '-rf', join(parent, name))
    await makeBases(scratch, root, buildah, bases)
  })
  const tag = `localhost/alert-stream:check-${process.pid}`
  await buildah('bud', ...BUILD, ...await secrets(scratch), '--build-arg', 'REVISION=check', '--file', containerfile, '--tag', tag, ROOT)
  const container = (await buildah('from', '--pull-never', tag)).trim()
  t.teardown(async () => {
    await buildah('rm', container)
    await buildah('rmi', '--force', tag)
    await buildah('rmi', '--prune', '--force')
  })
  const { Docker } = JSON.parse(await buildah('inspect', '--type', 'image', tag)) as { Docker: { config: Image['config'] } }
  return { folder: (await buildah('mount', container)).trim(), config: Docker.config, root }
}

/** Makes the stand-ins of bases.Containerfile: plain Debian for the final stage, and Debian with compilers for all others. */
async function makeBases (scratch: string, root: AsRoot, buildah: AsRoot, bases: readonly string[]): Promise<void> {
  const made = (await buildah('images', '--format', '{{.Name}}:{{.Tag}}')).split('\n')
  if (bases.every(base => made.includes(base))) return
  progress(`making stand-ins for ${bases.join(', ')}`)
  const context = join(scratch, 'bases')
  const node = `node-linux-${process.arch}`
  const version = /\/node:([\d.]+)/.exec(bases.join('\n'))?.[1]
  await must('npm', ['install', '--no-save', '--ignore-scripts', '--prefix', context, `npm@${NPM}`, `${node}@${version}`])
  const excluded = ['doc', 'man', 'locale', 'info'].map(each => `--dpkgopt=path-exclude=/usr/share/${each}/*`)
  await root(await tool('mmdebstrap'), '--quiet', '--variant=minbase', ...excluded, '--dpkgopt=path-include=/usr/share/doc/*/copyright',
    '--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr', '--include=usr-is-merged',
    '--customize-hook=rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*', SUITE, join(context, 'debian.tar'))
  for (const stage of ['debian', 'build']) {
    const tags = bases.filter(base => base.includes('/debian:') === (stage === 'debian')).flatMap(base => ['--tag', base])
    await buildah('bud', ...BUILD, '--build-arg', `NODE_PACKAGE=${node}`, '--target', stage, ...tags, '--file', BASES, context)
  }
}

/** Registry settings of npm and pip, as secrets, which are in no layer. */
async function secrets (scratch: string): Promise<string[]> {
  const ca = process.env.NODE_EXTRA_CA_CERTS ?? process.env.SSL_CERT_FILE
  const ask = async (key: string): Promise<string> => (await must('npm', ['config', 'get', key], { cwd: scratch })).trim()
  const user = (await readFile(await ask('userconfig'), 'utf8').catch(() => '')).split('\n')
  const credentials = user.filter(line => /^(\/\/|@[^:=]+:registry|(proxy|https-proxy|noproxy|strict-ssl)\s*=)/.test(line.trim()))
  const { stdout: pip } = await runTool('python3', ['-m', 'pip', 'config', 'list'], { env: process.env })
  const settings = [...pip.matchAll(/^[^=]*\.((?:extra-)?index-url|trusted-host|proxy)='(.*)'$/gm)]
    .map(([, key, value]) => `${key} = ${value}`)
  const files = {
    npmrc: [...credentials, `registry=${await ask('registry')}`, ...ca === undefined ? [] : ['cafile=/run/secrets/ca']],
    'pip.conf': ['[global]', ...settings, ...ca === undefined ? [] : ['cert = /run/secrets/ca']]
  }
  for (const [name, lines] of Object.entries(files)) await writeFile(join(scratch, name), `${lines.join('\n')}\n`, { mode: 0o600 })
  return [...Object.keys(files).map(name => `id=${name},src=${join(scratch, name)}`), ...ca === undefined ? [] : [`id=ca,src=${ca}`]]
    .flatMap(secret => ['--secret', secret])
}
