// Strimzi's CustomResourceDefinitions, made from its Java classes as its own build makes them: the published ones are in no package. They
// are equal to those byte for byte. Version `v1` comes from a current release, `v1beta2` from the last one that serves it.
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { devstackErrors } from '../../../src/devstack/errors.ts'
import { copyJars } from '../../../src/devstack/maven.ts'
import { requireMaven } from '../../../src/devstack/prerequisites.ts'
import { findProgram, isProgram, runTool, tailOf, type Environment } from '../../../src/devstack/tools.ts'
import type { Recipe } from './recipe.ts'

const JAVA = 21

/**
 * The release that is installed: of its definitions, and of the generator. That of an old release is not always published, and it reads
 * those classes as well.
 */
export const STRIMZI = '1.2.0'
/** The last release that serves `v1beta2`. */
export const OLDER_STRIMZI = '0.51.0'
const releases = [
  { api: STRIMZI, jars: '6479544a9f265c75e0265aebc1e38585ebb1be7e76b05cf115922646d781f045' },
  { api: OLDER_STRIMZI, jars: 'bc2232767171a1376f7547f32c1d6b96370a0127944be295f9a87c5c6ff0f058' }
] as const

const kinds = {
  kafka: 'kafka.Kafka',
  kafkatopic: 'topic.KafkaTopic',
  kafkauser: 'user.KafkaUser',
  kafkanodepool: 'nodepool.KafkaNodePool',
  kafkarebalance: 'rebalance.KafkaRebalance'
}

/** A folder per release, `1.2.0` and `0.51.0`, with a file for each kind. */
export const strimziCrds: Recipe = {
  title: `Strimzi's CRDs (${releases.map(({ api }) => api).join(', ')})`,
  pins: [STRIMZI, ...releases.flatMap(({ api, jars }) => [api, jars]), ...Object.values(kinds)],
  path: '.',
  needs: ['java'],
  fetcher: { name: 'Maven', find: async ({ env }) => await requireMaven(env) },
  fetch: async (into, mvn, { env, path, signal }) => {
    for (const { api, jars } of releases) {
      const work = join(into, 'work')
      await mkdir(work)
      await copyJars(mvn, work, {
        title: `Strimzi ${api}`,
        artifacts: [`io.strimzi:crd-generator:${STRIMZI}`, `io.strimzi:api:${api}`],
        pinned: jars
      })
      await mkdir(join(into, api))
      const files = Object.entries(kinds).map(([name, type]) => `io.strimzi.api.kafka.model.${type}=${join(into, api, `${name}.yaml`)}`)
      const labels = ['--label', 'app:strimzi', '--label', 'strimzi.io/crd-install:true']
      const args = ['-cp', join(work, '*'), 'io.strimzi.crdgenerator.CrdGenerator', ...labels, '--target-kube', '1.16+',
        '--crd-api-version', 'v1', '--yaml', ...files]
      const { code, stdout, stderr } = await runTool(path('java'), args, { env, signal })
      if (code !== 0) throw devstackErrors.DEVSTACK_DOWNLOAD(`the CRDs of Strimzi ${api} could not be made: ${tailOf(stderr + stdout, 2)}`)
      await rm(work, { recursive: true })
    }
  }
}

/** A Java that is new enough for Strimzi's classes, newer than what the servers need, so it need not be the one on PATH. */
export async function javaOnMachine (env: Environment): Promise<string | undefined> {
  const homes = await readdir('/usr/lib/jvm').catch(() => [])
  const candidates = [
    ...env.JAVA_HOME === undefined || env.JAVA_HOME === '' ? [] : [join(env.JAVA_HOME, 'bin', 'java')],
    await findProgram('java', env),
    ...homes.map(name => join('/usr/lib/jvm', name, 'bin', 'java'))
  ]
  for (const path of candidates) {
    if (path === undefined || !await isProgram(path)) continue
    const { stdout, stderr } = await runTool(path, ['-version'], { env })
    const major = /version "(\d+)/.exec(stderr + stdout)?.[1]
    if (major !== undefined && Number(major) >= JAVA) return path
  }
  return undefined
}
