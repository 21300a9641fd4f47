// Tests docs/clients.md: the Python and JavaScript examples of the document run unchanged against `demo --secure`, as the user of a
// community broker, and access errors and HTTP responses are as documented. The examples reach the archive through a stand-in for the
// Gafaelfawr gateway.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, readdir, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import t from 'tap'
import type { DemoFile } from '../../src/demo/state-folder.ts'
import { startDemo } from '../modes/demo-support.ts'
import { startGateway, type GatewayOptions } from '../support/gateway.ts'
import { runCli, startCli, tempDir, usePython } from '../support/stack.ts'

const ALERTS = 50
const TOKENS = {
  'gt-reader': { user: 'ada', scopes: ['read:image', 'read:alertdb'] },
  'gt-images': { user: 'bob', scopes: ['read:image'] }
}

const text = await readFile(new URL('../../docs/clients.md', import.meta.url), 'utf8')
const codeBlocks = text.matchAll(/^```(?:python|js)\n((?:#|\/\/) (\S+)\n[^]*?)^```$/gm)
const examples = new Map([...codeBlocks].map(([, code = '', name = '']) => [name, code]))
const [, tryItLocally = ''] = /^```sh\n([^]*?)^```$/m.exec(text) ?? []

/** Tries operations that the user of a community broker may not perform: produce, create topics, delete topics. */
const FORBIDDEN = `
import sys
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from connect import settings
prefixes = ("bootstrap", "security", "sasl", "ssl", "error_cb")
client = {key: value for key, value in settings().items() if key.split(".")[0] in prefixes}
def report(error, message):
    print(message.topic(), error.name() if error else "produced", error.str() if error else "")
if sys.argv[1] == "produce":
    producer = Producer(client)
    for topic in sys.argv[2:]:
        producer.produce(topic, b"x", on_delivery=report)
    sys.exit(producer.flush(20))
admin = AdminClient(client)
futures = admin.create_topics([NewTopic(sys.argv[2], 1, 1)]) if sys.argv[1] == "create" else admin.delete_topics([sys.argv[2]])
try:
    futures[sys.argv[2]].result(20)
    print("done")
except Exception as error:
    print(error.args[0].name(), error.args[0].str())
`

const folder = await tempDir(t)
for (const [name, code] of examples) await writeFile(join(folder, name), code)
await writeFile(join(folder, 'forbidden.py'), FORBIDDEN)
await symlink(join(import.meta.dirname, '..', '..', 'node_modules'), join(folder, 'node_modules'))
const python = await usePython(t)
const stateDir = join(folder, '.alert-stream')
const demo = startDemo(t, stateDir, ['--secure', '--alerts', String(ALERTS), '--interval', '3600'])
await demo.waitFor(new RegExp(`^visit 1: published ${ALERTS} .* archived ${ALERTS} `, 'm'))
const addresses = JSON.parse(await readFile(join(stateDir, 'demo.json'), 'utf8')) as DemoFile

const server = startCli(t, [
  'serve', '--alert-store', addresses.archive.alerts, '--path-prefix', '/alertdb', '--listen-port', '0', '--log-level', 'error'
])
const [, upstream = ''] = await server.waitFor(/serving (http:\/\/[^/]+)\//)
const gatewayOptions: GatewayOptions = { upstream, prefix: '/alertdb', scope: 'read:alertdb', tokens: TOKENS, loginAs: 'gt-reader' }
const gateway = await startGateway(t, gatewayOptions)
const archive = `${gateway.url}/alertdb`

// The archived alerts (frames) by alert id, read directly from the store.
const alerts = new Map<string, Buffer>()
const root = join(fileURLToPath(addresses.archive.alerts), 'v2', 'alerts')
for (const path of await readdir(root, { recursive: true })) {
  const [, id] = /(\d+)\.avro\.gz$/.exec(path) ?? []
  if (id !== undefined) alerts.set(id, gunzipSync(await readFile(join(root, path))))
}
const [firstId = ''] = alerts.keys()

interface Outcome { readonly code: number | string, readonly stdout: string, readonly stderr: string }
type Environment = Readonly<Record<string, string | undefined>>

async function execute (program: string, args: readonly string[], env: Environment = {}): Promise<Outcome> {
  const options = { cwd: folder, env: { PATH: process.env.PATH, PYTHONUNBUFFERED: '1', ...env }, timeout: 60_000 }
  return await new Promise(resolve => {
    execFile(program, args, options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : error.code ?? String(error.signal), stdout, stderr })
    })
  })
}

const { stdout: exported } = await execute('sh', ['-ec', `${tryItLocally}\nenv`])
const localVariables: Environment = Object.fromEntries(
  [...exported.matchAll(/^(ALERT_\w+)=(.*)$/gm)].map(([, name = '', value = '']) => [name, value])
)
/** The variables that the document sets for the demo, with the gateway in front of the archive. */
const variables: Environment = { ...localVariables, ALERT_ARCHIVE: archive, ALERT_TOKEN: 'gt-reader' }

/** Runs an example that must succeed. Returns the output lines, split at spaces. */
async function run (name: string, args: readonly string[] = [], env: Environment = {}): Promise<string[][]> {
  const program = name.endsWith('.py') ? python : process.execPath
  const { code, stdout, stderr } = await execute(program, [name, ...args], { ...variables, ...env })
  if (code !== 0) throw new Error(`${name} exited with ${code}: ${stderr}`)
  return stdout.trimEnd().split('\n').map(line => line.split(' '))
}

const positions = (lines: readonly string[][]): string[] => lines.map(([, partition, offset]) => `${partition}@${offset}`)
const sizes = (lines: readonly string[][]): Record<string, number> =>
  Object.fromEntries(lines.map(([id = '', , , size]) => [id, Number(size)]).sort())
const archivedSizes = Object.fromEntries([...alerts].map(([id, message]) => [id, message.length]).sort())

/** Runs reset_group.py. Returns the sum of the new offsets. */
async function resetGroup (position: string): Promise<number> {
  return (await run('reset_group.py', [position])).reduce((sum, line) => sum + Number(line.at(-1)), 0)
}

await t.test('docs/clients.md names every example, and the variables that it sets are those of the demo', async t => {
  t.equal(alerts.size, ALERTS)
  t.strictSame([...examples.keys()].sort(), [
    'alerts.py', 'check_versions.py', 'connect.py', 'cutouts.py', 'fetch_alert.py', 'read_alerts.mjs', 'read_alerts.py',
    'read_with_deserializer.py', 'reset_group.py'
  ])
  for (const name of examples.keys()) t.ok(text.includes(name))
  t.match(localVariables, {
    ALERT_KAFKA: addresses.kafka,
    ALERT_REGISTRY: addresses.registry,
    ALERT_ARCHIVE: addresses.api,
    ALERT_CA: addresses.security?.ca,
    ALERT_USER: 'rubin-communitybroker-idfint'
  })
  for (const variable of new Set(text.match(/\bALERT_[A-Z]+\b/g))) {
    if (variable !== 'ALERT_GROUP') t.ok(localVariables[variable], variable)
  }
})

await t.test('read_alerts.py reads every alert once and resumes after a restart; the alerts have the archived sizes', async t => {
  const first = await run('read_alerts.py', ['20'])
  const rest = await run('read_alerts.py', [String(ALERTS - 20)])
  t.equal(first.length, 20)
  t.equal(new Set(positions([...first, ...rest])).size, ALERTS, 'no alert is read twice')
  t.strictSame(sizes([...first, ...rest]), archivedSizes)
})

await t.test('reset_group.py resets the group to earliest, latest or a time', async t => {
  t.equal(await resetGroup('latest'), ALERTS)
  t.equal(await resetGroup('2001-01-01T00:00:00+00:00'), 0)
  t.equal(await resetGroup('2101-01-01T00:00:00+00:00'), ALERTS)
  t.equal(await resetGroup('earliest'), 0)
  t.strictSame(sizes(await run('read_alerts.py', [String(ALERTS)])), archivedSizes, 'reads all alerts again after the reset')
})

await t.test('reset_group.py fails with UNKNOWN_MEMBER_ID while the group has a consumer', async t => {
  const env = { PATH: process.env.PATH, PYTHONUNBUFFERED: '1', ...variables, ALERT_GROUP: `${variables.ALERT_USER}-busy` }
  const consumer = spawn(python, ['read_alerts.py'], { cwd: folder, env })
  t.teardown(() => { consumer.kill('SIGKILL') })
  await once(consumer.stdout, 'data')
  t.match(await execute(python, ['reset_group.py', 'earliest'], env), { code: 1, stderr: /UNKNOWN_MEMBER_ID/ })
  consumer.kill('SIGINT')
  await once(consumer, 'close')
})

await t.test('read_with_deserializer.py reads the same alerts as read_alerts.py', async t => {
  const lines = await run('read_with_deserializer.py', [String(ALERTS)], { ALERT_GROUP: `${variables.ALERT_USER}_other` })
  t.strictSame(sizes(lines), archivedSizes)
})

await t.test('read_alerts.mjs reads the same alerts, with exact ids, and resumes after a restart', async t => {
  const first = await run('read_alerts.mjs', ['20'])
  const rest = await run('read_alerts.mjs', [String(ALERTS - 20)])
  t.equal(new Set(positions([...first, ...rest])).size, ALERTS, 'no alert is read twice')
  t.strictSame(sizes([...first, ...rest]), archivedSizes)
})

await t.test('every client reads the stream from the listener without TLS, if its protocol is SASL_PLAINTEXT', async t => {
  const address = addresses.security?.plaintext
  t.match(address, /^localhost:\d+$/)
  const plaintext = { ALERT_KAFKA: address, ALERT_PROTOCOL: 'SASL_PLAINTEXT', ALERT_CA: undefined }
  for (const name of ['read_alerts.py', 'read_with_deserializer.py', 'read_alerts.mjs']) {
    const lines = await run(name, [String(ALERTS)], { ...plaintext, ALERT_GROUP: `${variables.ALERT_USER}-${name}` })
    t.strictSame(sizes(lines), archivedSizes, name)
  }
  const wrong = await execute(python, ['read_alerts.py', '1'], { ...variables, ...plaintext, ALERT_PASSWORD: 'wrong' })
  t.match(wrong, { code: 1, stdout: '', stderr: /_AUTHENTICATION/ })
  const password = { ALERT_STREAM_KAFKA_PASSWORD: variables.ALERT_PASSWORD }
  const printed = await runCli([
    'print-stream', '--broker', String(address), '--kafka-auth-mechanism', 'scram', '--kafka-username', String(variables.ALERT_USER),
    '--schema-registry-url', addresses.registry, '--topic', 'alerts-simulated', '--from', 'earliest'
  ], { env: password })
  t.equal(printed.code, 0, printed.stderr)
  for (const id of alerts.keys()) t.match(printed.stdout, id)
})

await t.test('every client reads the stream with the archive as its registry', async t => {
  const registry = `${upstream}/alertdb`
  for (const name of ['read_alerts.py', 'read_with_deserializer.py', 'read_alerts.mjs']) {
    const lines = await run(name, [String(ALERTS)], { ALERT_REGISTRY: registry, ALERT_GROUP: `${variables.ALERT_USER}-archive-${name}` })
    t.strictSame(sizes(lines), archivedSizes, name)
  }
  t.strictSame(await run('check_versions.py', [], { ALERT_REGISTRY: registry }), [['1', '1', 'ok']])
})

await t.test('check_versions.py: in the registry of the demo, versions equal ids, as BOOM expects', async t => {
  t.strictSame(await run('check_versions.py'), [['1', '1', 'ok']])
})

await t.test('fetch_alert.py fetches an alert and its schema through the gateway; cutouts.py opens its FITS images', async t => {
  const before = gateway.passed.length
  const [line] = await run('fetch_alert.py', [firstId])
  const message = alerts.get(firstId) ?? Buffer.alloc(0)
  t.equal(line?.join(' ').replace(/band \w$/, 'band'), `${firstId} schema ${message.readUInt32BE(1)}, ${message.length} bytes, band`)
  t.strictSame(await readFile(join(folder, `${firstId}.alert`)), message)
  const headers = { 'x-auth-request-user': 'ada', 'accept-encoding': /gzip/, authorization: undefined }
  t.match(gateway.passed.slice(before), [
    { path: `/alertdb/v1/alerts/${firstId}`, headers },
    { path: '/alertdb/v1/schemas/1' }
  ])
  const images = await run('cutouts.py', [`${firstId}.alert`])
  for (const cutout of ['cutoutDifference', 'cutoutScience', 'cutoutTemplate']) {
    const hdus = images.filter(([id, name]) => id === firstId && name === cutout).map(([, , hdu]) => hdu)
    t.strictSame(hdus, ['PRIMARY', 'UNCERT', 'PSFIMAGE'], cutout)
  }
  t.match(images[0], [firstId, 'cutoutDifference', 'PRIMARY', '30x30'])
})

await t.test('fetch_alert.py retries after 503 and 429 and fails on 401, 403 and 404', async t => {
  const statuses: number[] = []
  const overloaded = createServer((request, reply) => {
    const status = [503, 429][statuses.length] ?? 307
    statuses.push(status)
    reply.writeHead(status, status === 307 ? { location: upstream + request.url } : { 'retry-after': '0' }).end()
  })
  overloaded.listen(0, '127.0.0.1')
  await once(overloaded, 'listening')
  t.teardown(() => { overloaded.closeAllConnections(); overloaded.close() })
  const url = `http://127.0.0.1:${(overloaded.address() as AddressInfo).port}`
  const overloadedGateway = await startGateway(t, { ...gatewayOptions, upstream: url })
  t.equal((await run('fetch_alert.py', [firstId], { ALERT_ARCHIVE: `${overloadedGateway.url}/alertdb` })).length, 1)
  t.strictSame(statuses.slice(0, 3), [503, 429, 307])
  for (const [token, id, status] of [['gt-images', firstId, 403], ['gt-revoked', firstId, 401], ['gt-reader', '1', 404]] as const) {
    const outcome = await execute(python, ['fetch_alert.py', id], { ...variables, ALERT_TOKEN: token })
    t.match(outcome, { code: 1, stderr: new RegExp(`HTTPError: ${status} Client Error`) })
  }
})

async function get (path: string, headers: Record<string, string> = {}, from = gateway.url) {
  const response = await fetch(from + path, { headers, redirect: 'manual' })
  return { status: response.status, headers: Object.fromEntries(response.headers), body: await response.text() }
}

await t.test('gateway and archive respond with the documented status codes', async t => {
  const alert = `/alertdb/v1/alerts/${firstId}`
  const token = { authorization: 'Bearer gt-reader' }
  t.match(await get(alert), { status: 401, headers: { 'www-authenticate': 'Bearer realm="127.0.0.1"', 'content-type': 'text/html' } })
  t.match(await get(alert, { authorization: 'Bearer gt-revoked' }), {
    status: 401, headers: { 'www-authenticate': /error="invalid_token"/ }
  })
  t.match(await get(alert, { authorization: 'Bearer gt-images' }), {
    status: 403, headers: { 'www-authenticate': /error="insufficient_scope".*scope="read:alertdb"/ }, body: /^<html>/
  })
  const full = await get(alert, token)
  t.match(full, { status: 200, headers: { 'content-encoding': 'gzip' } }, 'the archive sends the stored gzip, because fetch accepts gzip')
  t.match(await get(alert, { ...token, 'accept-encoding': 'identity' }), {
    status: 200, headers: { 'content-encoding': undefined, 'content-length': String(alerts.get(firstId)?.length) }
  })
  t.match(await get(alert, { ...token, 'if-none-match': full.headers.etag ?? '' }), { status: 304, body: '' })
  t.match(await get('/alertdb/v1/alerts/x', token), { status: 400, body: /^\{"detail":".*1 to 19 decimal digits/ })
  t.match(await get('/alertdb/v1/alerts/1', token), { status: 404, body: '{"detail":"alert not found"}' })
  t.match(await get('/alertdb/v1/schemas/9', token), { status: 404, body: '{"detail":"schema not found"}' })
  t.match(await get(alert, { ...token, 'accept-encoding': 'identity;q=0, br' }), { status: 406, body: /^\{"detail"/ })
  t.match(await get('/auth/tokens/'), { status: 200, body: /Create Token/ })
  t.equal((await get('/alertdbs/v1/health', token)).status, 404, 'the gateway matches the prefix against complete path segments')
})

await t.test('the gateway sets the user name and removes credentials and forged headers', async t => {
  const forged = await get('/alertdb/v1/health', {
    authorization: 'Bearer gt-reader', 'x-auth-request-user': 'root', 'x-auth-request-token': 'x', cookie: 'other=1'
  })
  t.equal(forged.status, 200)
  const { headers } = gateway.passed.at(-1)!
  t.match(headers, { 'x-auth-request-user': 'ada', 'x-auth-request-token': undefined, authorization: undefined, cookie: undefined })
})

await t.test('the login page redirects a browser to the requested URL and sets a cookie', async t => {
  const schema = `${archive}/v1/schemas/1`
  const login = await get(`/login?rd=${schema}`)
  t.match(login, { status: 307, headers: { location: schema, 'set-cookie': /^gafaelfawr=/ } })
  const cookie = (login.headers['set-cookie'] ?? '').split(';', 1)[0] ?? ''
  const response = await get('/alertdb/v1/schemas/1', { cookie })
  t.match(response, { status: 200, headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' } })
  t.match(JSON.parse(response.body), { type: 'record', name: 'alert' }, 'the schema is plain JSON, not a JSON string')
  t.equal((await get('/login?rd=https://elsewhere.example/')).status, 422, 'the login page rejects a redirect to another host')
  const { url } = await startGateway(t, { ...gatewayOptions, loginRedirect: true })
  const location = `${url}/login?rd=${encodeURIComponent(`${url}/alertdb/v1/schemas/1`)}`
  t.match(await get('/alertdb/v1/schemas/1', {}, url), { status: 302, headers: { location } })
})

await t.test('the registry returns the schema as a JSON string inside JSON, and the schema has the documented fields', async t => {
  const outer = await (await fetch(`${addresses.registry}/schemas/ids/1`)).json() as { schema: string }
  const fields = (JSON.parse(outer.schema) as { fields: Array<{ name: string }> }).fields.map(({ name }) => name)
  const [, table = ''] = /\*\*Content of an alert\*\*[^]*?\n((?:\|.*\n)+)/.exec(text) ?? []
  // These documented fields belong to diaSource, not to the alert itself.
  const inSource = ['midpointMjdTai', 'band']
  const documented = [...table.matchAll(/`(\w+)`/g)].map(([, name = '']) => name).filter(name => !inSource.includes(name))
  t.ok(documented.length >= 9)
  for (const name of documented) t.ok(fields.includes(name), name)
  t.equal(fields[0], 'diaSourceId')
})

/** Returns the error name and the message that the table of access errors in docs/clients.md gives for `cause`. */
function documentedError (cause: string): { readonly name: string, readonly message: string } {
  const row = text.split('\n').find(line => line.startsWith(`| ${cause} |`)) ?? ''
  const [, name = '', message = ''] = /\| `(\w+)` \| `(.+)` \|$/.exec(row) ?? []
  if (name === '') throw new Error(`the table of access errors in docs/clients.md has no row '${cause}'`)
  return { name, message }
}

await t.test('read_alerts.py fails with the documented error if access is denied', async t => {
  const connect = (examples.get('connect.py') ?? '').replace('TOPIC = "alerts-simulated"', 'TOPIC = "alerts-static"')
  t.not(connect, examples.get('connect.py'))
  const otherTopic = join(folder, 'other-topic')
  const cases: Array<[string, Environment, string?]> = [
    ['wrong user name or password', { ALERT_PASSWORD: 'wrong' }],
    ['wrong user name or password', { ALERT_USER: 'nobody-idfint' }],
    ['group name does not start with your user name', { ALERT_GROUP: 'admin' }],
    ['group name does not start with your user name', { ALERT_GROUP: 'antares-idfint' }],
    ['unknown certificate authority', { ALERT_CA: undefined }],
    ['subscription to a topic without permission', {}, otherTopic]
  ]
  await mkdir(otherTopic)
  for (const [name, code] of examples) await writeFile(join(otherTopic, name), name === 'connect.py' ? connect : code)
  for (const [cause, env, exampleFolder = folder] of cases) {
    const { name, message } = documentedError(cause)
    const outcome = await execute(python, [join(exampleFolder, 'read_alerts.py'), '1'], { ...variables, ...env })
    t.equal(outcome.code, 1, cause)
    t.equal(outcome.stdout, '')
    t.match(outcome.stderr, `KafkaError{code=${name},`)
    t.match(outcome.stderr, message)
  }
})

await t.test('the user of a community broker cannot produce, create or delete topics', async t => {
  const topics = ['alerts-simulated', 'alerts-static', 'alerts-dead-letters']
  const produceError = documentedError('produce to any topic')
  const { stdout: produced } = await execute(python, ['forbidden.py', 'produce', ...topics], variables)
  for (const topic of topics) t.match(produced, new RegExp(`^${topic} ${produceError.name} .*${produceError.message}`, 'm'))
  const adminError = documentedError('create or delete a topic')
  const operations = [['create', `${variables.ALERT_USER}-own`], ['delete', 'alerts-simulated'], ['delete', 'alerts-static']] as const
  for (const [operation, topic] of operations) {
    const { stdout } = await execute(python, ['forbidden.py', operation, topic], variables)
    t.match(stdout, new RegExp(`^${adminError.name} .*${adminError.message}`, 'i'), `${operation} ${topic}`)
  }
  t.equal(await resetGroup('latest'), ALERTS, 'the topic has the same number of alerts as before')
})

await t.test('the demo exits with code 0 after SIGINT', async t => {
  demo.signal('SIGINT')
  t.equal(await demo.finished, 0)
})
