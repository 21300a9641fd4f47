// Builds Bento (https://github.com/warpstreamlabs/bento) from its Go module, once, into the download cache. go.sum pins all sources.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ensure, isMissing, type Fetcher } from '../../src/devstack/download-cache.ts'
import { findProgram, type Environment } from '../../src/devstack/tools.ts'
import { cacheDir } from '../support.ts'

const source = join(import.meta.dirname, 'bento')
const hash = createHash('sha256')
for (const file of ['go.mod', 'go.sum', 'main.go']) hash.update(readFileSync(join(source, file)))

async function findGo (env: Environment): Promise<string> {
  const path = await findProgram('go', env)
  if (path === undefined) throw new Error('Bento is built from source, and there is no go on PATH')
  return path
}

export interface BentoOptions {
  /** Whether to reject instead of building. */
  readonly quick: boolean
  readonly log: (line: string) => void
}

/** Path of the program. The first call takes 2 to 3 minutes on two cores. Rejects if Go is missing or the build fails. */
export async function buildBento (env: Environment, { quick, log }: BentoOptions): Promise<string> {
  const download = {
    title: 'Bento',
    folder: `bento-${hash.copy().digest('hex').slice(0, 12)}`,
    items: 'files',
    fetcher: { name: 'go', find: findGo },
    fetch: async (into: string, go: Fetcher) => {
      await go(['build', '-mod=readonly', '-trimpath', '-ldflags=-s -w', '-o', join(into, 'bento'), '.'], source)
    }
  }
  if (quick && await isMissing(download, cacheDir)) throw new Error('Bento is not built yet; a run without --quick builds it')
  const goEnv = { ...env, GOFLAGS: '-buildvcs=false', GOWORK: 'off' }
  const folder = await ensure(download, { cacheDir, env: goEnv, progress: log })
  return join(folder, 'bento')
}
