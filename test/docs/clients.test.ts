// docs/clients.md, tried: its Python runs as it stands, as the user of a community broker, against the demo behind locked doors; what it says
// of refusals is what a client meets. The archive is reached through a stand-in of the survey's gateway.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import t from 'tap'
import type { DemoFile } from '../../src/demo/state-folder.ts'
import { startDemo } from '../modes/demo-support.ts'
import { startGateway, type GatewayOptions } from '../support/gateway.ts'
import { startCli, tempDir, usePython } from '../support/stack.ts'

const ALERTS = 50
const TOKENS = { 'gt-reader': { user: 'ada', scopes: ['read:image', 'read:alertdb'] }, 'gt-images': { user: 'bob', scopes: ['read:image'] } }

const text = await readFile(new URL('../../docs/clients.md', import.meta.url), 'utf8')
const examples = new Map([...text.matchAll(/^```python\n(# (\S+)\n[^]*?)^```$/gm)].map(([, code = '', name = '']) => [name, code]))
const [, home = ''] = /^```sh\n([^]*?)^```$/m.exec(text) ?? []

/** What no example shows: all that a reader must not do. */
const FORBIDDEN = `
import sys
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from connect import settings
client = {key: value for key, value in settings().items() if key.split(".")[0] in ("bootstrap", "security", "sasl", "ssl", "error_cb")}
if sys.argv[1] == "write":
    producer = Producer(client)
    for topic in sys.argv[2:]:
        producer.produce(topic, b"x", on_delivery=lambda error, message: print(message.topic(), error.name() if error else "written", error.str() if error else ""))
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
for (const [name, code] of [...examples, ['forbidden.py', FORBIDDEN]] as const) await writeFile(join(folder, name), code)
const python = await usePython(t)
const stateDir = join(folder, '.alert-stream')
const demo = startDemo(t, stateDir, ['--secure', '--alerts', String(ALERTS), '--interval', '3600'])
await demo.waitFor(new RegExp(`^visit 1: published ${ALERTS} .* archived ${ALERTS} `, 'm'))
const where = JSON.parse(await readFile(join(stateDir, 'demo.json'), 'utf8')) as DemoFile

const server = startCli(t, ['serve', '--alert-store', where.archive.alerts, '--path-prefix', '/alertdb', '--listen-port', '0', '--log-level', 'error'])
const [, upstream = ''] = await server.waitFor(/serving (http:\/\/[^/]+)\//)
const gatewayOptions: GatewayOptions = { upstream, prefix: '/alertdb', scope: 'read:alertdb', tokens: TOKENS, loginAs: 'gt-reader' }
const gateway = await startGateway(t, gatewayOptions)
const archive = `${gateway.url}/alertdb`

// The archive's own word: framed bytes by id.
const alerts = new Map<string, Buffer>()
const root = join(fileURLToPath(where.archive.alerts), 'v2', 'alerts')
for (const path of await readdir(root, { recursive: true })) {
  const [, id] = /(\d+)\.avro\.gz$/.exec(path) ?? []
  if (id !== undefined) alerts.set(id, gunzipSync(await readFile(join(root, path))))
}
const [anId = ''] = alerts.keys()

interface Outcome { readonly code: number | string, readonly stdout: string, readonly stderr: string }
type Variables = Readonly<Record<string, string | undefined>>

async function shell (program: string, args: readonly string[], env: Variables = {}): Promise<Outcome> {
  return await new Promise(resolve => {
    execFile(program, args, { cwd: folder, env: { PATH: process.env.PATH, PYTHONUNBUFFERED: '1', ...env }, timeout: 60_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : error.code ?? String(error.signal), stdout, stderr })
    })
  })
}

const { stdout: exported } = await shell('sh', ['-ec', `${home}\nenv`])
const atHome: Variables = Object.fromEntries([...exported.matchAll(/^(ALERT_\w+)=(.*)$/gm)].map(([, name = '', value = '']) => [name, value]))
/** The demo by the document's own words, with the gateway before its archive. */
const variables: Variables = { ...atHome, ALERT_ARCHIVE: archive, ALERT_TOKEN: 'gt-reader' }

/** Runs an example, which has to succeed; its lines, split at blanks. */
async function run (name: string, args: readonly string[] = [], env: Variables = {}): Promise<string[][]> {
  const { code, stdout, stderr } = await shell(python, [name, ...args], { ...variables, ...env })
  if (code !== 0) throw new Error(`${name} ended with ${code}: ${stderr}`)
  return stdout.trimEnd().split('\n').map(line => line.split(' '))
}

const positions = (lines: readonly string[][]): string[] => lines.map(([, partition, offset]) => `${partition}@${offset}`)
const sizes = (lines: readonly string[][]): Record<string, number> => Object.fromEntries(lines.map(([id = '', , , size]) => [id, Number(size)]).sort())
const archived = Object.fromEntries([...alerts].map(([id, frame]) => [id, frame.length]).sort())
await t.test('the document has the examples it speaks of, and the demo answers to its variables', async t => {
  t.equal(alerts.size, ALERTS)
  t.strictSame([...examples.keys()].sort(), ['alerts.py', 'connect.py', 'cutouts.py', 'fetch_alert.py', 'read_alerts.py', 'read_with_deserializer.py', 'reset_group.py'])
  for (const name of examples.keys()) t.ok(text.includes(name))
  t.match(atHome, { ALERT_KAFKA: where.kafka, ALERT_REGISTRY: where.registry, ALERT_ARCHIVE: where.api, ALERT_CA: where.security?.ca, ALERT_USER: 'rubin-communitybroker-idfint' })
  for (const variable of new Set(text.match(/\bALERT_[A-Z]+\b/g))) if (variable !== 'ALERT_GROUP') t.ok(atHome[variable], variable)
})

await t.test('read_alerts.py reads every alert once in a group of its own, goes on where it stopped, and finds what the archive holds', async t => {
  const first = await run('read_alerts.py', ['20'])
  const rest = await run('read_alerts.py', [String(ALERTS - 20)])
  t.equal(first.length, 20)
  t.equal(new Set(positions([...first, ...rest])).size, ALERTS, 'nothing came twice')
  t.strictSame(sizes([...first, ...rest]), archived)
})

await t.test('reset_group.py sends the group back, ahead, or to a time', async t => {
  const next = async (place: string): Promise<number> => (await run('reset_group.py', [place])).reduce((sum, line) => sum + Number(line.at(-1)), 0)
  t.equal(await next('latest'), ALERTS)
  t.equal(await next('2001-01-01T00:00:00+00:00'), 0)
  t.equal(await next('2101-01-01T00:00:00+00:00'), ALERTS)
  t.equal(await next('earliest'), 0)
  t.strictSame(sizes(await run('read_alerts.py', [String(ALERTS)])), archived, 'all is read again')
})

await t.test('reset_group.py is refused while the group has a consumer', async t => {
  const consumer = spawn(python, ['read_alerts.py'], { cwd: folder, env: { PATH: process.env.PATH, PYTHONUNBUFFERED: '1', ...variables, ALERT_GROUP: `${variables.ALERT_USER}-busy` } })
  t.teardown(() => { consumer.kill('SIGKILL') })
  await once(consumer.stdout, 'data')
  t.match(await shell(python, ['reset_group.py', 'earliest'], { ...variables, ALERT_GROUP: `${variables.ALERT_USER}-busy` }), { code: 1, stderr: /UNKNOWN_MEMBER_ID/ })
  consumer.kill('SIGINT')
  await once(consumer, 'close')
})

await t.test('read_with_deserializer.py reads the same alerts', async t => {
  t.strictSame(sizes(await run('read_with_deserializer.py', [String(ALERTS)], { ALERT_GROUP: `${variables.ALERT_USER}_other` })), archived)
})

await t.test('fetch_alert.py fetches alert and schema through the gateway, byte for byte; cutouts.py finds the FITS images in them', async t => {
  const before = gateway.passed.length
  const [line] = await run('fetch_alert.py', [anId])
  const frame = alerts.get(anId) ?? Buffer.alloc(0)
  t.equal(line?.join(' ').replace(/band \w$/, 'band'), `${anId} schema ${frame.readUInt32BE(1)}, ${frame.length} bytes, band`)
  t.strictSame(await readFile(join(folder, `${anId}.alert`)), frame)
  t.match(gateway.passed.slice(before), [
    { path: `/alertdb/v1/alerts/${anId}`, headers: { 'x-auth-request-user': 'ada', 'accept-encoding': /gzip/, authorization: undefined } },
    { path: '/alertdb/v1/schemas/1' }
  ])
  const images = await run('cutouts.py', [`${anId}.alert`])
  const kinds = (cutout: string): string[] => images.filter(([id, name]) => id === anId && name === cutout).map(([, , image = '']) => image)
  for (const cutout of ['cutoutDifference', 'cutoutScience', 'cutoutTemplate']) t.strictSame(kinds(cutout), ['PRIMARY', 'UNCERT', 'PSFIMAGE'])
  t.match(images[0], [anId, 'cutoutDifference', 'PRIMARY', '30x30'])
})

await t.test('fetch_alert.py comes again after 503 and 429, and fails on what will not change', async t => {
  const answers: number[] = []
  const unwell = createServer((request, reply) => {
    const status = answers.length < 2 ? [503, 429][answers.length] ?? 0 : 307
    answers.push(status)
    reply.writeHead(status, status === 307 ? { location: upstream + request.url } : { 'retry-after': '0' }).end()
  })
  unwell.listen(0, '127.0.0.1')
  await once(unwell, 'listening')
  t.teardown(() => { unwell.closeAllConnections(); unwell.close() })
  const url = `http://127.0.0.1:${(unwell.address() as AddressInfo).port}`
  t.equal((await run('fetch_alert.py', [anId], { ALERT_ARCHIVE: `${(await startGateway(t, { ...gatewayOptions, upstream: url })).url}/alertdb` })).length, 1)
  t.strictSame(answers.slice(0, 3), [503, 429, 307])
  for (const [token, id, status] of [['gt-images', anId, 403], ['gt-revoked', anId, 401], ['gt-reader', '1', 404]] as const) {
    t.match(await shell(python, ['fetch_alert.py', id], { ...variables, ALERT_TOKEN: token }), { code: 1, stderr: new RegExp(`HTTPError: ${status} Client Error`) })
  }
})

async function get (path: string, headers: Record<string, string> = {}, from = gateway.url) {
  const answer = await fetch(from + path, { headers, redirect: 'manual' })
  return { status: answer.status, headers: Object.fromEntries(answer.headers), body: await answer.text() }
}

await t.test('the gateway\'s and the archive\'s answers are those of the table', async t => {
  const alert = `/alertdb/v1/alerts/${anId}`
  const token = { authorization: 'Bearer gt-reader' }
  t.match(await get(alert), { status: 401, headers: { 'www-authenticate': 'Bearer realm="127.0.0.1"', 'content-type': 'text/html' } })
  t.match(await get(alert, { authorization: 'Bearer gt-revoked' }), { status: 401, headers: { 'www-authenticate': /error="invalid_token"/ } })
  t.match(await get(alert, { authorization: 'Bearer gt-images' }), { status: 403, headers: { 'www-authenticate': /error="insufficient_scope".*scope="read:alertdb"/ }, body: /^<html>/ })
  const whole = await get(alert, token)
  t.match(whole, { status: 200, headers: { 'content-encoding': 'gzip' } }, 'fetch takes gzip, so the stored gzip is passed through')
  t.match(await get(alert, { ...token, 'accept-encoding': 'identity' }), { status: 200, headers: { 'content-encoding': undefined, 'content-length': String(alerts.get(anId)?.length) } })
  t.match(await get(alert, { ...token, 'if-none-match': whole.headers.etag ?? '' }), { status: 304, body: '' })
  t.match(await get('/alertdb/v1/alerts/x', token), { status: 400, body: /^\{"detail":".*1 to 19 decimal digits/ })
  t.match(await get('/alertdb/v1/alerts/1', token), { status: 404, body: '{"detail":"alert not found"}' })
  t.match(await get('/alertdb/v1/schemas/9', token), { status: 404, body: '{"detail":"schema not found"}' })
  t.match(await get(alert, { ...token, 'accept-encoding': 'identity;q=0, br' }), { status: 406, body: /^\{"detail"/ })
  t.match(await get('/auth/tokens/'), { status: 200, body: /Create Token/ })
  t.equal((await get('/alertdbs/v1/health', token)).status, 404, 'another path is another service')
})

await t.test('who the user is, the gateway says and nobody else', async t => {
  const forged = await get('/alertdb/v1/health', { authorization: 'Bearer gt-reader', 'x-auth-request-user': 'root', 'x-auth-request-token': 'x', cookie: 'other=1' })
  t.equal(forged.status, 200)
  const { headers } = gateway.passed.at(-1)!
  t.match(headers, { 'x-auth-request-user': 'ada', 'x-auth-request-token': undefined, authorization: undefined, cookie: undefined })
})

await t.test('a browser comes in through the login, which leads back and leaves a cookie', async t => {
  const schema = `${archive}/v1/schemas/1`
  const login = await get(`/login?rd=${schema}`)
  t.match(login, { status: 307, headers: { location: schema, 'set-cookie': /^gafaelfawr=/ } })
  const cookie = (login.headers['set-cookie'] ?? '').split(';', 1)[0] ?? ''
  const answer = await get('/alertdb/v1/schemas/1', { cookie })
  t.match(answer, { status: 200, headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' } })
  t.match(JSON.parse(answer.body), { type: 'record', name: 'alert' }, 'parsed once')
  t.equal((await get('/login?rd=https://elsewhere.example/')).status, 422, 'it leads to nowhere else')
  const leading = await startGateway(t, { ...gatewayOptions, loginRedirect: true })
  t.match(await get('/alertdb/v1/schemas/1', {}, leading.url), { status: 302, headers: { location: `${leading.url}/login?rd=${encodeURIComponent(`${leading.url}/alertdb/v1/schemas/1`)}` } })
})

await t.test('the registry\'s answer is JSON in JSON, and has the fields that the document explains', async t => {
  const outer = await (await fetch(`${where.registry}/schemas/ids/1`)).json() as { schema: string }
  const fields = (JSON.parse(outer.schema) as { fields: Array<{ name: string }> }).fields.map(({ name }) => name)
  const [, table = ''] = /\*\*What is in an alert\*\*[^]*?\n((?:\|.*\n)+)/.exec(text) ?? []
  const explained = [...table.matchAll(/`(\w+)`/g)].map(([, name = '']) => name).filter(name => name !== 'midpointMjdTai' && name !== 'band')
  t.ok(explained.length >= 9)
  for (const name of explained) t.ok(fields.includes(name), name)
  t.equal(fields[0], 'diaSourceId')
})

/** What the document's table says of a refusal: error code and words. */
function refusal (row: RegExp): { readonly code: string, readonly words: string } {
  const line = text.split('\n').find(line => line.startsWith('| ') && row.test(line)) ?? ''
  const [, code = '', words = ''] = /\| `(\w+)` \| `(.+)` \|$/.exec(line) ?? []
  if (code === '') throw new Error(`the table has no row ${row}`)
  return { code, words }
}

await t.test('each refusal is met as the document says, and ends the example instead of keeping it waiting', async t => {
  const elsewhere = (examples.get('connect.py') ?? '').replace('TOPIC = "alerts-simulated"', 'TOPIC = "alerts-static"')
  t.not(elsewhere, examples.get('connect.py'))
  const other = join(folder, 'other')
  const reading: Array<[RegExp, Variables, string?]> = [
    [/wrong user name or password/, { ALERT_PASSWORD: 'wrong' }],
    [/wrong user name or password/, { ALERT_USER: 'nobody-idfint' }],
    [/does not begin with your user name/, { ALERT_GROUP: 'admin' }],
    [/does not begin with your user name/, { ALERT_GROUP: 'antares-idfint' }],
    [/authority that signed/, { ALERT_CA: undefined }],
    [/topic that is not yours/, {}, other]
  ]
  await mkdir(other)
  for (const [name, code] of examples) await writeFile(join(other, name), name === 'connect.py' ? elsewhere : code)
  for (const [row, env, at = folder] of reading) {
    const { code, words } = refusal(row)
    const outcome = await shell(python, [join(at, 'read_alerts.py'), '1'], { ...variables, ...env })
    t.equal(outcome.code, 1, String(row))
    t.equal(outcome.stdout, '')
    t.match(outcome.stderr, `KafkaError{code=${code},`)
    t.match(outcome.stderr, words)
  }
})

await t.test('nothing is written, created or deleted by a reader, on its own topic neither', async t => {
  const write = refusal(/^\| write/)
  const written = await shell(python, ['forbidden.py', 'write', 'alerts-simulated', 'alerts-static', 'alerts-dead-letters'], variables)
  for (const topic of ['alerts-simulated', 'alerts-static', 'alerts-dead-letters']) t.match(written.stdout, new RegExp(`^${topic} ${write.code} .*${write.words}`, 'm'))
  const change = refusal(/^\| create or delete/)
  for (const [what, topic] of [['create', `${variables.ALERT_USER}-own`], ['delete', 'alerts-simulated'], ['delete', 'alerts-static']] as const) {
    const { stdout } = await shell(python, ['forbidden.py', what, topic], variables)
    t.match(stdout, new RegExp(`^${change.code} .*${change.words}`, 'i'), `${what} ${topic}`)
  }
  t.equal((await run('reset_group.py', ['latest'])).reduce((sum, line) => sum + Number(line.at(-1)), 0), ALERTS, 'what was there is there')
})

await t.test('the demo ends well', async t => {
  demo.signal('SIGINT')
  t.equal(await demo.finished, 0)
})
