import { cp, mkdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import t from 'tap'
import { fetchSchemaPackage } from '../../src/avro/index.ts'
import type { Logger } from '../../src/pipeline/log.ts'
import { publishedSchemasOf } from '../../src/program/schema-package-from-flags.ts'
import { cache, tempDir } from '../support/stack.ts'

const survey = await fetchSchemaPackage({ cacheDir: cache().cacheDir })

function hostOf (cacheDir: string) {
  const warnings: object[] = []
  const log: Logger = { debug () {}, info () {}, warn: fields => { warnings.push(fields) }, error () {} }
  return { cacheDir, log, warnings }
}

await t.test('the package at the path of --schema-package is read at once', async t => {
  const published = await publishedSchemasOf({ schemaPackage: survey }, hostOf(await tempDir(t)))
  t.equal((await published())?.latest.version, '11.1')
  await t.rejects(publishedSchemasOf({ schemaPackage: '/nonexistent' }, hostOf(await tempDir(t))), { code: 'PACKAGE_NOT_FOUND' })
})

await t.test('without a path, the survey\'s package is used if it was downloaded before, and nothing is downloaded', async t => {
  const empty = await tempDir(t)
  t.equal(await (await publishedSchemasOf({ schemaPackage: undefined }, hostOf(empty)))(), undefined)
  const cacheDir = await tempDir(t)
  await cp(survey, join(cacheDir, basename(survey)), { recursive: true })
  const published = await publishedSchemasOf({ schemaPackage: undefined }, hostOf(cacheDir))
  t.equal((await published())?.latest.version, '11.1')
  t.equal(await published(), await published())
})

await t.test('a downloaded package that cannot be read is left out, with a warning', async t => {
  const cacheDir = await tempDir(t)
  await mkdir(join(cacheDir, basename(survey), '1', '0'), { recursive: true })
  await writeFile(join(cacheDir, basename(survey), '1', '0', 'alert.avsc'), 'no schema')
  const host = hostOf(cacheDir)
  const published = await publishedSchemasOf({ schemaPackage: undefined }, host)
  t.strictSame([await published(), await published()], [undefined, undefined])
  t.match(host.warnings, [{ error: /PACKAGE_INVALID/ }])
})
