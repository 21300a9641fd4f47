// Sets of jars fetched by Maven: artifacts with their runtime dependencies, in one folder that is verified as a whole.
import { createHash } from 'node:crypto'
import { readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expectDigest, sha256 } from './digests.ts'
import type { Fetcher } from './download-cache.ts'

export const DEPENDENCY_PLUGIN = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1'
export const QUIET = ['-q', '-B', '-ntp']

export interface JarSet {
  /** Name in error messages: `Kafka`. */
  readonly title: string
  /** Maven coordinates, `group:artifact:version`. */
  readonly artifacts: readonly string[]
  /** SHA-256 of the lines `DIGEST  NAME` of all jars, sorted by name, as sha256sum prints them. */
  readonly pinned: string
  /** Digests of single jars by file name, so that an error can name the jar. */
  readonly pinnedJars?: Readonly<Record<string, string>>
}

/** Fills a folder with the jars and nothing else. Errors: DEVSTACK_CHECKSUM, and those of `mvn`. */
export async function copyJars (mvn: Fetcher, into: string, { title, artifacts, pinned, pinnedJars = {} }: JarSet): Promise<void> {
  const pom = join(into, 'pom.xml')
  await writeFile(pom, pomFor(artifacts))
  await mvn([...QUIET, '-f', pom, `${DEPENDENCY_PLUGIN}:copy-dependencies`, '-DincludeScope=runtime', `-DoutputDirectory=${into}`], into)
  await rm(pom)
  const names = (await readdir(into)).sort()
  const digests = new Map(await Promise.all(names.map(async name => [name, await sha256(join(into, name))] as const)))
  for (const [name, digest] of Object.entries(pinnedJars)) expectDigest(name, digests.get(name), digest)
  const list = [...digests].map(([name, digest]) => `${digest}  ${name}\n`).join('')
  expectDigest(`the set of ${names.length} ${title} jars`, createHash('sha256').update(list).digest('hex'), pinned)
}

function pomFor (artifacts: readonly string[]): string {
  const dependencies = artifacts.map(coordinates => {
    const [group, artifact, version] = coordinates.split(':')
    return `    <dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>\n`
  })
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>alert-stream</groupId><artifactId>jars</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
${dependencies.join('')}  </dependencies>
</project>
`
}
