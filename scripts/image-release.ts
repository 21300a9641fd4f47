// Helpers of the release workflow for the container image.
//   node scripts/image-release.ts tags REF_TYPE REF COMMIT    prints the image tags, one per line
//   node scripts/image-release.ts bases                       prints `ARGUMENT IMAGE` for each digest argument of the Containerfile
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { basesOf } from '../deploy/checks/image/containerfile.ts'

const MAX_TAG_LENGTH = 128

/**
 * Returns the tags of an image: the Git ref and the commit. Characters that a tag cannot contain become `-` (tickets/DM-32743 becomes
 * tickets-DM-32743). Throws if a Git tag is a version other than that of package.json, because the charts use the version of package.json.
 */
export function imageTags (refType: string, ref: string, commit: string, version: string): string[] {
  if (!/^[0-9a-f]{40}$/.test(commit)) throw new Error(`'${commit}' is not a full commit hash`)
  if (refType === 'tag' && /^v?\d+\.\d+\.\d+/.test(ref) && ref !== version) {
    throw new Error(`the Git tag ${ref} does not match the version ${version} in package.json (version tags have no leading v)`)
  }
  const tag = ref.replaceAll(/[^A-Za-z0-9_.-]+/g, '-').replace(/^[.-]+/, '').slice(0, MAX_TAG_LENGTH)
  if (tag === '') throw new Error(`cannot derive an image tag from the ref '${ref}'`)
  return [...new Set([tag, commit])]
}

async function main ([command, ...args]: readonly string[]): Promise<string[]> {
  const root = join(import.meta.dirname, '..')
  if (command === 'tags') {
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }
    const [refType = '', ref = '', commit = ''] = args
    return imageTags(refType, ref, commit, version)
  }
  if (command === 'bases') {
    const containerfile = await readFile(join(root, 'Containerfile'), 'utf8')
    return [...basesOf(containerfile)].map(([image, argument]) => `${argument} ${image}`)
  }
  throw new Error('the command must be tags or bases')
}

if (import.meta.main) {
  try {
    process.stdout.write((await main(process.argv.slice(2))).map(line => `${line}\n`).join(''))
  } catch (error) {
    process.stderr.write(`image-release: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  }
}
