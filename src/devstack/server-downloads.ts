// The Kafka and schema registry programs: pinned versions, downloaded by Maven into the cache and verified against pinned digests.
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expectDigest, sha256 } from './digests.ts'
import { downloadError, ensure, isMissing, type CacheOptions, type Download } from './download-cache.ts'
import { copyJars, DEPENDENCY_PLUGIN, QUIET } from './maven.ts'
import { requireMaven } from './prerequisites.ts'
import { runTool } from './tools.ts'

const KAFKA_VERSION = '4.4.0'
export const REGISTRY_VERSION = '2.6.13.Final'
const REGISTRY_TARBALL_SHA256 = '3cda1b34aa020fb4ac4dd6a66018d757e81e437f97e20a1f92d366b70091c6ba'

const maven = { name: 'Maven', find: requireMaven }

const kafka: Download = {
  title: `Kafka ${KAFKA_VERSION}`,
  folder: `kafka-${KAFKA_VERSION}`,
  items: 'jars',
  fetcher: maven,
  fetch: async (into, mvn) => {
    await copyJars(mvn, into, {
      title: 'Kafka',
      artifacts: [`org.apache.kafka:kafka_2.13:${KAFKA_VERSION}`, 'org.slf4j:slf4j-simple:1.7.36'],
      pinned: '98b52a7fc606912291aaa0d2a2b8563c1bb4f6a732ad5a4ba94bffc300884b95',
      pinnedJars: { [`kafka_2.13-${KAFKA_VERSION}.jar`]: '76d3314f873571677ff98620ab9a431e508e3687f921a3df4f70d692a970475e' }
    })
  }
}

const registry: Download = {
  title: `Apicurio Registry ${REGISTRY_VERSION}`,
  folder: `apicurio-registry-${REGISTRY_VERSION}`,
  items: 'files',
  fetcher: maven,
  fetch: async (into, mvn) => {
    const artifact = `io.apicurio:apicurio-registry-app:${REGISTRY_VERSION}:tar.gz:all`
    await mvn([...QUIET, `${DEPENDENCY_PLUGIN}:copy`, `-Dartifact=${artifact}`, `-DoutputDirectory=${into}`], into)
    const name = `apicurio-registry-app-${REGISTRY_VERSION}-all.tar.gz`
    const tarball = join(into, name)
    expectDigest(name, await sha256(tarball).catch(() => undefined), REGISTRY_TARBALL_SHA256)
    const { code, stderr } = await runTool('tar', ['-xzf', tarball, '-C', into], { env: { PATH: '/usr/bin:/bin:/usr/local/bin' } })
    if (code !== 0) throw downloadError(`cannot unpack ${name}`, stderr, into)
    await rm(tarball)
  }
}

/** Folder of Kafka's jars. Errors: DEVSTACK_PREREQUISITE (no Maven), DEVSTACK_DOWNLOAD, DEVSTACK_CHECKSUM. */
export async function ensureKafka (options: CacheOptions): Promise<string> {
  return await ensure(kafka, options)
}

/** Folder of the schema registry's program. Errors: those of `ensureKafka`. */
export async function ensureRegistry (options: CacheOptions): Promise<string> {
  return await ensure(registry, options)
}

/** Whether a wanted download is missing from the cache (then Maven is needed). By default, both downloads are wanted. */
export async function downloadsMissing (
  cacheDir: string, wanted: { readonly kafka?: boolean, readonly registry?: boolean } = {}
): Promise<boolean> {
  const downloads = [...wanted.kafka === false ? [] : [kafka], ...wanted.registry === false ? [] : [registry]]
  return (await Promise.all(downloads.map(async download => await isMissing(download, cacheDir)))).includes(true)
}
