// Stand-ins for the public images that the Containerfile builds on, for machines that reach package registries but no image registry:
// Debian as mmdebstrap installs it, with what the real one has of Node, npm, a compiler, Python and pip. Made once, kept in buildah's store
// under the very names of the FROM lines.
import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault, type Context } from '../check.ts'
import type { Buildah } from './buildah.ts'

/** What the real images of Node 24 have beside it is a later or an earlier one of the same line. */
const NPM = '11.21.2'
const SUITE = 'bookworm'

interface StandIn {
  readonly packages: readonly string[]
  /** npm packages that are unpacked into the root: what, where, and links to programs. */
  readonly unpacked: ReadonlyArray<{ readonly what: string, readonly into: string, readonly links: Readonly<Record<string, string>> }>
}

/** Of `docker.io/library/node:24.21.0-bookworm`. Throws a `Fault` for an image that nobody has described here. */
function standIn (base: string): StandIn {
  const [, name = '', version = ''] = /^docker\.io\/library\/(\w+):([\d.]+)/.exec(base) ?? []
  switch (name) {
    case 'debian': return { packages: [], unpacked: [] }
    case 'python': return { packages: ['python3', 'python3-pip'], unpacked: [] }
    case 'node': return {
      packages: ['g++', 'make', 'python3'],
      unpacked: [
        { what: `node-linux-${process.arch}@${version}`, into: 'usr/local', links: {} },
          {
            what: `npm@${NPM}`,
            into: 'usr/local/lib/node_modules/npm',
            links: { npm: '../lib/node_modules/npm/bin/npm-cli.js', npx: '../lib/node_modules/npm/bin/npx-cli.js' }
          }
      ]
    }
    default: throw new Fault(`there is no stand-in for ${base} yet: describe it in deploy/checks/image/bases.ts`)
  }
}

// As the real slim images leave them out; copyright stays.
const leftOut = ['doc', 'man', 'locale', 'info', 'lintian'].map(name => `path-exclude=/usr/share/${name}/*`)
const dpkgOptions = [...leftOut, 'path-include=/usr/share/doc/*/copyright'].map(option => `--dpkgopt=${option}`)

/** Makes those that the store lacks. */
export async function ensureBases (context: Context, buildah: Buildah, bases: readonly string[]): Promise<void> {
  const there = await buildah.must('images', '--format', '{{.Name}}:{{.Tag}}')
  for (const base of bases) {
    if (there.split('\n').includes(base)) continue
    context.progress(`making a stand-in for ${base}`)
    const work = await mkdtemp(join(context.scratch, 'base-'))
    await importRoot(buildah, await makeRoot(context, buildah, standIn(base), work), base)
    await buildah.root.must('rm', ['-rf', work])
  }
}

async function makeRoot (context: Context, { root }: Buildah, { packages, unpacked }: StandIn, work: string): Promise<string> {
  const hooks = ['rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/* "$1"/var/log/*']
  for (const { what, into, links } of unpacked) {
    const folder = await mkdtemp(join(work, 'pack-'))
    await context.must('npm', ['pack', '--silent', what], { cwd: folder })
    const [archive = ''] = await readdir(folder)
    hooks.push(`mkdir -p "$1/${into}" && tar -xzf ${join(folder, archive)} -C "$1/${into}" --strip-components=1 --no-same-owner`)
    for (const [name, target] of Object.entries(links)) hooks.push(`ln -s ${target} "$1/usr/local/bin/${name}"`)
  }
  const script = join(work, 'customize')
  await writeFile(script, `set -e\n${hooks.join('\n')}\n`)
  const tar = join(work, 'root.tar')
  await root.must(await context.tool('mmdebstrap'), [
    '--quiet', '--variant=minbase', ...dpkgOptions, '--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr',
    `--include=${['usr-is-merged', ...packages].join(',')}`, `--customize-hook=sh ${script} "$1"`, SUITE, tar
  ])
  return tar
}

async function importRoot (buildah: Buildah, tar: string, name: string): Promise<void> {
  const container = (await buildah.must('from', 'scratch')).trim()
  await buildah.must('add', '--quiet', container, tar, '/')
  await buildah.must('config', '--env', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', container)
  await buildah.must('commit', '--quiet', '--rm', container, name)
}

/** Of this file: other stand-ins are in another folder. */
export async function basesPins (bases: readonly string[]): Promise<string[]> {
  return [...bases, await readFile(import.meta.filename, 'utf8')]
}
