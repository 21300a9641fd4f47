import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { modes } from '../../src/cli/modes.ts'
import type { Flags } from '../../src/config/flags.ts'
import type { Mode } from '../../src/program/mode.ts'
import { NOBODY, runCli, startCli, tempDir } from '../support/stack.ts'

/** Tries a few at a time: the machine may have two processors. */
async function each<T> (items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items]
  await Promise.all([0, 1].map(async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item)
  }))
}

await t.test('each mode explains itself and exits 0: summary, every flag, examples', async t => {
  await each(Object.entries(modes), async ([name, entry]) => {
    const mode = await entry.load() as Mode<Flags>
    const { code, stdout, stderr } = await runCli([name, '--help'])
    t.equal(code, 0, name)
    t.equal(stderr, '', name)
    const flat = stdout.replace(/\s+/g, ' ')
    t.ok(flat.startsWith(`Usage: alert-stream ${name}`), name)
    t.ok(flat.includes(mode.summary), name)
    for (const [flag, { secret }] of Object.entries(mode.flags)) if (secret !== true) t.ok(flat.includes(`--${flag} `), `${name} --${flag}`)
    for (const flag of ['--log-level', '--debug']) t.ok(flat.includes(flag), `${name} ${flag}`)
    t.equal(mode.mode, name)
  })
})

await t.test('each mode refuses an unknown flag with exit code 2 and one line', async t => {
  await each(Object.keys(modes), async name => {
    const { code, stdout, stderr } = await runCli([name, '--no-such-flag'])
    t.equal(code, 2, name)
    t.equal(stdout, '', name)
    t.match(stderr, new RegExp(`^USAGE_UNKNOWN_FLAG: --no-such-flag is not a flag of ${name} \\(${name}\\)\\. .*--help.*\n$`), name)
  })
})

await t.test('the overview names every mode; help MODE is MODE --help; a near miss is suggested', async t => {
  const overview = await runCli(['--help'])
  t.equal(overview.code, 0)
  for (const [name, { summary }] of Object.entries(modes)) t.match(overview.stdout, new RegExp(`^ {2}${name} +${summary.replace(/[()]/g, '\\$&')}$`, 'm'))
  const help = await runCli(['help', 'generate'])
  t.equal(help.code, 0)
  t.equal(help.stdout, (await runCli(['generate', '--help'])).stdout)
  t.match(await runCli(['creat-stream', 'x']), { code: 2, stdout: '', stderr: /^USAGE_UNKNOWN_MODE: 'creat-stream' is not a mode: did you mean create-stream\?\. .*\n$/ })
  t.match(await runCli(['help', 'serv']), { code: 2, stderr: /did you mean serve\?/ })
  t.match(await runCli(['constructor']), { code: 2, stderr: /^USAGE_UNKNOWN_MODE: 'constructor' is not a mode\. .*\n$/ })
  t.match(await runCli([]), { code: 2, stdout: '', stderr: /^USAGE_MISSING: no mode is given\. .*create-stream.*\n$/ })
})

await t.test('the version is that of package.json', async t => {
  const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
  t.match(await runCli(['--version']), { code: 0, stdout: `${version}\n`, stderr: '' })
  const env = { ALERT_STREAM_REVISION: '4f2c' }
  t.match(await runCli(['--version'], { env }), { code: 0, stdout: `${version} (revision 4f2c)\n`, stderr: '' }, 'with the revision that the image says')
  t.match(await runCli(['config', 'serve'], { env }), { code: 0, stderr: '' }, 'which is not taken for a misspelt flag')
})

await t.test('wrong usage is exit code 2, from flags and from the environment', async t => {
  t.match(await runCli(['generate']), { code: 2, stdout: '', stderr: /^USAGE_MISSING: FILE is missing: .*\(generate\).*\n$/ })
  t.match(await runCli(['generate', 'x.avro', '--alerts', '0']), { code: 2, stderr: /^USAGE_BAD_VALUE: --alerts is '0', but must be a whole number from 1 to \d+ \(generate\)/ })
  t.match(await runCli(['generate', 'x.avro'], { env: { ALERT_STREAM_VISITS: 'two' } }), { code: 2, stderr: /^USAGE_BAD_VALUE: ALERT_STREAM_VISITS is 'two'/ })
  t.match(await runCli(['play-stream', '--kafka-password', 'hunter2']), { code: 2, stderr: /^USAGE_BAD_VALUE: --kafka-password cannot be given on the command line/ })
  t.match(await runCli(['play-stream', '--src-topic', '--burst']), { code: 2, stderr: /^USAGE_MISSING: --src-topic needs a value/ })
})

await t.test('a failure is exit code 1 and one line: code, what, where, what to do; a stack only under --debug', async t => {
  const path = join(await tempDir(t), 'none.avro')
  const args = ['create-stream', path, '--broker', '127.0.0.1:9']
  const plain = await runCli(args)
  t.match(plain, { code: 1, stdout: '' })
  t.equal(plain.stderr.trimEnd().split('\n').length, 1, plain.stderr)
  t.match(plain.stderr, /^AVRO_UNREADABLE: .*none\.avro.*ENOENT.*\. Check that the file exists/)
  const debug = await runCli([...args, '--debug'])
  t.equal(debug.code, 1)
  t.match(debug.stderr, /^AVRO_UNREADABLE: /m)
  t.match(debug.stderr, /\n {4}at .*file-reader\.ts:\d+/)
  t.match(debug.stderr, /caused by Error: ENOENT/)
  t.match((await runCli(args, { env: { ALERT_STREAM_DEBUG: 'true' } })).stderr, /\n {4}at /, 'also from the environment')
})

await t.test('a file of a password that cannot be read is an error that names the file', async t => {
  const path = join(await tempDir(t), 'none')
  t.match(await runCli(['play-stream', '--kafka-auth-mechanism', 'scram', '--kafka-username', 'u', '--kafka-password-file', path]), {
    code: 1, stdout: '', stderr: /^PASSWORD_FILE: .*none/
  })
})

async function serve (t: Parameters<typeof tempDir>[0], ...args: string[]) {
  const folder = await tempDir(t)
  const server = startCli(t, ['serve', '--alert-store', pathToFileURL(folder).href, '--listen-port', '0', ...args])
  await server.waitFor(/^serving http.*\n/)
  return server
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  await t.test(`after ${signal} and a clean end the exit code is 0; results are on stdout, logs are JSON lines on stderr`, async t => {
    const server = await serve(t)
    const { code, stdout, stderr } = await server.stop(signal)
    t.equal(code, 0)
    t.match(stdout, /^serving http:\/\/127\.0\.0\.1:\d+\/v1\n$/)
    const messages = stderr.trimEnd().split('\n').map(line => JSON.parse(line) as { mode: string, msg: string })
    t.ok(messages.length >= 2)
    t.ok(messages.every(({ mode }) => mode === 'serve'))
    t.match(messages.at(-1)?.msg ?? messages, /stopping/)
  })
}

await t.test('--log-level leaves out what is less severe', async t => {
  const server = await serve(t, '--log-level', 'error')
  t.match(await server.stop(), { code: 0, stderr: '' })
})

await t.test('the admin port answers /livez, /readyz, /metrics and /status while the mode runs', async t => {
  const server = await serve(t, '--admin-port', '0')
  const [, port] = await server.waitFor(/"port":(\d+),"msg":"admin port is open"/)
  const get = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`)
    return { status: response.status, type: response.headers.get('content-type'), text: await response.text() }
  }
  t.match(await get('/livez'), { status: 200, text: 'OK\n' })
  t.match(await get('/readyz'), { status: 200, type: /json/, text: '{"ready":true,"checks":{"run":"ok","store":"ok"}}' })
  t.match(await get('/metrics'), { status: 200, type: /^text\/plain; version=0\.0\.4/ })
  const status = await get('/status')
  t.match(status, { status: 200, type: /json/ })
  t.match(JSON.parse(status.text), { graph: { graph: 'serve' } })
  t.equal((await get('/else')).status, 404)
  t.equal((await server.stop()).code, 0)
})

await t.test('a busy admin port is an error of one line, and the mode ends', async t => {
  const first = await serve(t, '--admin-port', '0')
  const [, port] = await first.waitFor(/"port":(\d+),"msg":"admin port is open"/)
  const second = startCli(t, ['serve', '--alert-store', pathToFileURL(await tempDir(t)).href, '--listen-port', '0', '--log-level', 'error', '--admin-port', port ?? ''])
  const { code, stderr } = await second.finished
  t.equal(code, 1)
  t.match(stderr, new RegExp(`^ADMIN_PORT_BUSY: .*127\\.0\\.0\\.1:${port}.*EADDRINUSE.*--admin-port.*\n$`))
  t.equal((await first.stop()).code, 0)
})

await t.test('a closed stdout is no crash: help into a reader that has gone', async t => {
  const cli = startCli(t, ['create-stream', '--help'])
  cli.child.stdout?.destroy()
  t.match(await cli.finished, { code: 0, signal: null, stderr: '' })
})

await t.test('a closed stderr is no crash either', async t => {
  const folder = await tempDir(t)
  await writeFile(join(folder, 'x.avro'), 'not avro')
  const cli = startCli(t, ['create-stream', join(folder, 'x.avro')])
  cli.child.stderr?.destroy()
  t.match(await cli.finished, { code: 1, signal: null, stdout: '' })
})

await t.test('a password is in no line of the log, also not with --debug and stack traces', async t => {
  const password = 'correct-horse-battery'
  const { code, stdout, stderr } = await runCli(
    ['play-stream', '--broker', `127.0.0.1:${NOBODY}`, '--kafka-auth-mechanism', 'scram', '--kafka-username', 'someone', '--debug'], { env: { ALERT_STREAM_KAFKA_PASSWORD: password } }
  )
  t.equal(code, 1)
  t.match(stderr, /^KAFKA_UNREACHABLE: /m)
  t.match(stderr, /^\s+at /m, 'the stack is shown')
  t.notOk((stdout + stderr).includes(password))
})
