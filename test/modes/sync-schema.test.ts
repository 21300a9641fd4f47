import { createServer } from 'node:http'
import { mkdir, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createRegistryClient, fetchSchemaPackage, loadSchemaPackage } from '../../src/avro/index.ts'
import { otherSpelling } from '../avro/support.ts'
import { cache, runCli, startCli, CLOSED_PORT, tempDir, uniqueName, useStack } from '../support/stack.ts'
import { linesOf } from './support.ts'

const { registry } = await useStack(t)
const survey = await loadSchemaPackage(await fetchSchemaPackage({ cacheDir: cache().cacheDir }))

function sync (...args: string[]) {
  return runCli(['sync-schema', '--schema-registry-url', registry, '--log-level', 'warn', ...args])
}

async function get<T> (path: string): Promise<T> {
  const response = await fetch(`${registry}${path}`)
  if (!response.ok) throw new Error(`${path}: ${response.status}`)
  return await response.json() as T
}

/** Creates a schema package whose texts and explicit ids are new to the registry, because all subjects share ids and texts. */
async function uniquePackage (t: Test, versions: number): Promise<{ folder: string, ids: number[] }> {
  const folder = await tempDir(t)
  const major = 1_000_000 + Math.floor(Math.random() * 20_000_000)
  for (let minor = 0; minor < versions; minor++) {
    const versionFolder = join(folder, String(major), String(minor))
    await mkdir(versionFolder, { recursive: true })
    await writeFile(join(versionFolder, 'alert.avsc'), JSON.stringify({
      type: 'record', name: 'alert', namespace: `own.v${major}_${minor}`, doc: `alert of ${major}`,
      fields: [
        { name: 'diaSourceId', type: 'long', doc: 'the id' },
        ...Array.from({ length: minor }, (_, n) => ({ name: `field${n}`, type: ['null', 'double'], default: null, doc: `field ${n}` }))
      ]
    }, null, 2))
  }
  return { folder, ids: Array.from({ length: versions }, (_, minor) => major * 100 + minor) }
}

await t.test('registers the newest schema with docs and defaults, without whitespace, and a second run changes nothing', async t => {
  const subject = uniqueName('alert-packet')
  const first = await sync('--subject', subject)
  t.match(first, { code: 0, stderr: '' })
  const [, id] = /^schema 11\.1: id (\d+), version 1 of subject alert-packet-\w+, registered\n$/.exec(first.stdout) ?? []
  t.ok(id, first.stdout)
  const { schema } = await get<{ schema: string }>(`/schemas/ids/${id}`)
  t.equal(schema, survey.latest.text)
  t.match(schema, /"doc":/)
  t.match(schema, /"default":null/)
  t.equal(schema, JSON.stringify(JSON.parse(schema)))
  t.strictSame(await get(`/config/${subject}`), { compatibilityLevel: 'NONE' })
  const second = await sync('--subject', subject)
  t.match(second, { code: 0, stdout: first.stdout.replace('registered', 'already registered') })
  t.strictSame(await get(`/subjects/${subject}/versions`), [1])
})

await t.test('--all registers every version, oldest first, even if incompatible', async t => {
  const subject = uniqueName('alert-packet')
  const { code, stdout, stderr } = await sync('--subject', subject, '--all')
  t.equal(code, 0, stderr)
  const printed = linesOf(stdout).map(line => /^schema (\S+): id \d+, version (\d+)/.exec(line)?.slice(1))
  t.strictSame(printed, survey.versions.map(({ version }, n) => [version, String(n + 1)]))
  for (const [n, { text, version }] of survey.versions.entries()) {
    t.equal((await get<{ schema: string }>(`/subjects/${subject}/versions/${n + 1}`)).schema, text, version)
  }
})

await t.test('explicit ids are major*100+minor, and a second run keeps the ids', async t => {
  const subject = uniqueName('alert-packet')
  const { folder, ids } = await uniquePackage(t, 3)
  for (const outcome of ['registered', 'already registered']) {
    const { code, stdout, stderr } = await sync('--subject', subject, '--all', '--ids', 'explicit', '--schema-package', folder)
    t.equal(code, 0, stderr)
    t.strictSame(linesOf(stdout).map(line => /id (\d+), .*, (\D+)$/.exec(line)?.slice(1)), ids.map(id => [String(id), outcome]))
  }
  for (const id of ids) t.match((await get<{ schema: string }>(`/schemas/ids/${id}`)).schema, /"doc":"the id"/)
  // The same schema text under another subject has the same id.
  const other = await sync('--subject', uniqueName('alert-packet'), '--ids', 'explicit', '--schema-package', folder)
  t.match(other, { code: 0, stdout: new RegExp(`: id ${ids.at(-1)}, .*registered\n$`) })
})

await t.test('--subject-template registers each schema under a second subject too, and a second run changes nothing', async t => {
  const [subject, prefix] = [uniqueName('alert-packet'), uniqueName('lsst-alerts')]
  const { folder, ids } = await uniquePackage(t, 3)
  const flags = ['--all', '--ids', 'explicit', '--schema-package', folder, '--subject-template', `${prefix}-v{major}.{minor}-value`]
  const major = Math.floor(ids[0]! / 100)
  const second = (minor: number): string => `${prefix}-v${major}.${minor}-value`
  for (const outcome of ['registered', 'already registered']) {
    const { code, stdout, stderr } = await sync('--subject', subject, ...flags)
    t.equal(code, 0, stderr)
    t.strictSame(linesOf(stdout), ids.flatMap((id, minor) => [
      `schema ${major}.${minor}: id ${id}, version ${id} of subject ${subject}, ${outcome}`,
      `schema ${major}.${minor}: id ${id}, version 1 of subject ${second(minor)}, ${outcome}`
    ]))
  }
  // BOOM takes the id of a message for a version of the subject.
  t.strictSame(await get(`/subjects/${subject}/versions`), ids)
  for (const id of ids) t.match(await get(`/subjects/${subject}/versions/${id}`), { id, version: id, subject })
  const { versions } = await loadSchemaPackage(folder)
  for (const [minor, { text }] of versions.entries()) {
    t.match(await get(`/subjects/${second(minor)}/versions/latest`), { id: ids[minor], version: 1, schema: text })
    t.strictSame(await get(`/config/${second(minor)}`), { compatibilityLevel: 'NONE' })
  }
})

await t.test('--subject-template with assigned ids: both subjects have the id that the registry assigned', async t => {
  const [subject, prefix] = [uniqueName('alert-packet'), uniqueName('lsst-alerts')]
  const { folder } = await uniquePackage(t, 2)
  const { code, stdout, stderr } = await sync('--subject', subject, '--all', '--schema-package', folder,
    '--subject-template', `${prefix}-{major}-value`)
  t.equal(code, 0, stderr)
  const ids = linesOf(stdout).map(line => Number(/id (\d+), version/.exec(line)?.[1]))
  t.strictSame([ids.length, ids[0], ids[2]], [4, ids[1], ids[3]])
  t.not(ids[0], ids[2])
})

await t.test('a wrong template is a usage error that says what a template looks like', async t => {
  for (const [template, reason] of [
    ['lsst-alerts', /contains \{major\}, such as lsst-alerts-v\{major\}\.\{minor\}-value/], ['v{minor}', /contains \{major\}/],
    ['v{major}.{patch}', /without other braces/], ['v{major}.{minor', /without other braces/], ['v{major}}', /without other braces/],
    ['a {major}', /without spaces/], ['', /non-empty/]
  ] as const) {
    const { code, stdout, stderr } = await runCli(['sync-schema', '--subject-template', template])
    t.strictSame([code, stdout], [2, ''], template)
    t.match(stderr, /^USAGE_BAD_VALUE: --subject-template is /)
    t.match(stderr, reason, template)
  }
})

await t.test('an explicit id that has the schema in another spelling is used, and the output says so', async t => {
  const subject = uniqueName('alert-packet')
  const { folder, ids: [id] } = await uniquePackage(t, 1)
  const text = (await loadSchemaPackage(folder)).latest.text
  const spelling = otherSpelling(text)
  await createRegistryClient({ url: registry }).register(subject, spelling, { id })
  const { code, stdout, stderr } = await sync('--subject', subject, '--schema-package', folder, '--ids', 'explicit')
  t.equal(code, 0, stderr)
  t.match(stdout, new RegExp(`: id ${id}, version ${id} of subject ${subject}, already registered in another spelling\n$`))
  t.equal((await get<{ schema: string }>(`/schemas/ids/${id}`)).schema, spelling)
  t.strictSame(await get(`/subjects/${subject}/versions`), [id])
})

await t.test('an explicit id that the registry cannot assign is an error, and the registry does not change', async t => {
  const { folder } = await uniquePackage(t, 1)
  const subject = uniqueName('alert-packet')
  t.match(await sync('--subject', subject, '--schema-package', folder), { code: 0 })
  t.match(await sync('--subject', subject, '--schema-package', folder, '--ids', 'explicit'), {
    code: 1, stdout: '', stderr: /^SCHEMA_ID_NOT_HONOURED: .*nothing was changed.*\n$/m
  })
  t.strictSame(await get(`/subjects/${subject}/versions`), [1])
})

await t.test('--schema-version registers the given version, and cannot be used with --all', async t => {
  const subject = uniqueName('alert-packet')
  t.match(await sync('--subject', subject, '--schema-version', '7.4'), { code: 0, stdout: /^schema 7\.4: id \d+, version 1/ })
  t.match(await sync('--subject', subject, '--schema-version', '7.4', '--all'), {
    code: 2, stderr: /^USAGE_BAD_VALUE: --all and --schema-version cannot be used together/
  })
  t.match(await sync('--subject', subject, '--schema-version', '7'), { code: 2, stderr: /^PACKAGE_UNKNOWN_VERSION/ })
})

await t.test('sets the compatibility level of an existing subject, then registers a schema or fails if the level rejects it', async t => {
  const subject = uniqueName('alert-packet')
  t.match(await sync('--subject', subject, '--schema-version', '7.4', '--compatibility', 'FULL'), { code: 0 })
  t.strictSame(await get(`/config/${subject}`), { compatibilityLevel: 'FULL' })
  t.match(await sync('--subject', subject, '--schema-version', '11.1', '--compatibility', 'FULL'), {
    code: 1, stdout: '', stderr: /^SCHEMA_INCOMPATIBLE: .*NONE.*\n$/m
  })
  t.match(await sync('--subject', subject, '--schema-version', '11.1'), { code: 0, stdout: /version 2/ })
})

await t.test('fails if the registry is down or the URL is not a registry', async t => {
  t.match(await runCli(['sync-schema', '--schema-registry-url', `http://127.0.0.1:${CLOSED_PORT}`]), {
    code: 1, stdout: '', stderr: new RegExp(`^REGISTRY_UNAVAILABLE: .*http://127\\.0\\.0\\.1:${CLOSED_PORT}/subjects.*ECONNREFUSED.*\n$`, 'm')
  })
  const pages = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<html>hello</html>')
  })
  await new Promise<void>(resolve => { pages.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => { pages.close() })
  const url = `http://127.0.0.1:${(pages.address() as AddressInfo).port}`
  t.match(await runCli(['sync-schema', '--schema-registry-address', url]), {
    code: 1, stdout: '', stderr: new RegExp(`^NOT_A_REGISTRY: .*${url}.*\n$`)
  })
  t.match(await runCli(['sync-schema'], { env: { ALERT_STREAM_SCHEMA_REGISTRY_URL: 'not a url' } }), {
    code: 2, stdout: '', stderr: /^USAGE_BAD_VALUE: ALERT_STREAM_SCHEMA_REGISTRY_URL is 'not a url'/
  })
})

await t.test('after a stop, sync-schema finishes the schemas in flight and exits with 0', async t => {
  const subject = uniqueName('alert-packet')
  const cli = startCli(t, ['sync-schema', '--all', '--schema-registry-url', registry, '--subject', subject])
  await cli.waitFor(/^schema .*\n/)
  const { code, stdout } = await cli.stop()
  t.equal(code, 0)
  t.equal(linesOf(stdout).length, survey.versions.length)
})
