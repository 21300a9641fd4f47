// What the release workflow has to know and a test can check: the tags of an image, and the bases whose digests are to be looked up.
//   node scripts/image-release.ts tags REF_TYPE REF COMMIT    one tag a line: the Git ref, the commit
//   node scripts/image-release.ts bases                       `ARGUMENT IMAGE` a line, of the Containerfile
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { digestArguments } from '../deploy/checks/image/containerfile.ts'

const LONGEST = 128

/**
 * The tags of an image that is built from this ref. The ref's own has `-` for what a tag cannot hold (tickets/DM-32743 is tickets-DM-32743). Throws
 * where a Git tag is a version, but not the package's: the charts ask for the package's by default.
 */
export function imageTags (refType: string, ref: string, commit: string, version: string): string[] {
  if (!/^[0-9a-f]{40}$/.test(commit)) throw new Error(`'${commit}' is no full commit`)
  if (refType === 'tag' && /^v?\d+\.\d+\.\d+/.test(ref) && ref !== version) throw new Error(`the Git tag ${ref} is not the version in package.json, which is ${version} (tags of versions have no v)`)
  const tag = ref.replaceAll(/[^A-Za-z0-9_.-]+/g, '-').replace(/^[.-]+/, '').slice(0, LONGEST)
  if (tag === '') throw new Error(`no tag can be made of the ref '${ref}'`)
  return [...new Set([tag, commit])]
}

async function main ([what, ...words]: readonly string[]): Promise<string[]> {
  const root = join(import.meta.dirname, '..')
  if (what === 'tags') {
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }
    const [refType = '', ref = '', commit = ''] = words
    return imageTags(refType, ref, commit, version)
  }
  if (what === 'bases') return [...digestArguments(await readFile(join(root, 'Containerfile'), 'utf8'))].map(([image, argument]) => `${argument} ${image}`)
  throw new Error('it is either tags or bases')
}

if (import.meta.main) {
  try {
    process.stdout.write((await main(process.argv.slice(2))).map(line => `${line}\n`).join(''))
  } catch (error) {
    process.stderr.write(`image-release: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  }
}
