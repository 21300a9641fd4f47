// Programs of Debian packages, without root and without installing them: apt fetches and verifies (its signed lists carry the digests),
// dpkg unpacks. A release of Debian keeps one version of a package and drops it with the next fix, so these are pinned by name only: apt's
// signatures are what vouches for them. Where the machine has the program already, that one is used.
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { devstackErrors } from '../../../src/devstack/errors.ts'
import { findProgram, isProgram, runTool } from '../../../src/devstack/tools.ts'
import type { Recipe } from './recipe.ts'

export interface Debian {
  /** The program, as it is called on PATH or in /usr/sbin. */
  readonly program: string
  /** Where the package has it. */
  readonly file: string
  /** The package itself, then those it needs that a small machine may lack. */
  readonly packages: readonly string[]
}

export function debian ({ program, file, packages }: Debian): Recipe {
  return {
    title: `${program} of Debian's ${packages[0]}`,
    pins: [file, ...packages],
    path: `bin/${program}`,
    installed: async env => await findProgram(program, env) ?? await first([`/usr/sbin/${program}`, `/usr/local/sbin/${program}`]),
    fetcher: {
      name: 'apt-get',
      find: async ({ env }) => {
        const apt = await findProgram('apt-get', env)
        if (apt === undefined || await findProgram('dpkg', env) === undefined) {
          throw devstackErrors.DEVSTACK_PREREQUISITE(
            `${program} is not on PATH, and this is no Debian machine where it could be taken from ${packages.join(', ')}`
          )
        }
        return apt
      }
    },
    fetch: async (into, apt, { env, signal }) => {
      const work = await mkdtemp(join(into, 'work-'))
      // Lists of its own where the machine has none yet (a fresh container), or where only root may fetch them.
      await apt(['-qq', 'download', ...packages], work).catch(async () => {
        const own = ['lists/partial', 'cache/archives/partial'].map(name => join(work, name))
        for (const name of own) await mkdir(name, { recursive: true })
        const options = ['-o', `Dir::State::Lists=${join(work, 'lists')}`, '-o', `Dir::Cache=${join(work, 'cache')}`, '-o',
          'APT::Sandbox::User=']
        await apt(['-qq', ...options, 'update'], work)
        await apt(['-qq', ...options, 'download', ...packages], work)
      })
      for (const name of (await readdir(work)).filter(name => name.endsWith('.deb'))) {
        const { code, stderr } = await runTool('dpkg', ['-x', join(work, name), join(into, 'root')], { env, signal })
        if (code !== 0) throw devstackErrors.DEVSTACK_DOWNLOAD(`${name} could not be unpacked: ${stderr.trim()}`)
      }
      await rm(work, { recursive: true })
      await mkdir(join(into, 'bin'))
      await writeFile(join(into, 'bin', program), launcher(file))
      await chmod(join(into, 'bin', program), 0o755)
    }
  }
}

// The libraries that came along are found first by it and by what it starts; all others are the machine's.
function launcher (file: string): string {
  return `#!/bin/sh
root=$(dirname "$(dirname "$(readlink -f "$0")")")/root
libraries=$(for folder in "$root"/usr/lib/*-linux-gnu* "$root"/lib/*-linux-gnu*; do [ -d "$folder" ] && printf '%s:' "$folder"; done)
LD_LIBRARY_PATH="$libraries$LD_LIBRARY_PATH" exec "$root/${file}" "$@"
`
}

async function first (paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) if (await isProgram(path)) return path
  return undefined
}
