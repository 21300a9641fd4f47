import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { modes } from '../../src/cli/modes.ts'
import { CLOSED_PORT, runCli, startCli, tempDir } from '../support/stack.ts'

/** Runs `work` for two items at a time. Two processes are enough to keep a two-core machine busy. */
async function each<T> (items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items]
  await Promise.all([0, 1].map(async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item)
  }))
}

await t.test('MODE --help prints the summary and all flags of the mode, and exits with 0', async t => {
  await each(await modes.all(), async mode => {
    const name = mode.mode
    const { code, stdout, stderr } = await runCli([name, '--help'])
    t.equal(code, 0, name)
    t.equal(stderr, '', name)
    const flat = stdout.replace(/\s+/g, ' ')
    t.ok(flat.startsWith(`Usage: alert-stream ${name}`), name)
    t.ok(flat.includes(`${mode.summary}.`), name)
    for (const [flag, { secret }] of Object.entries(mode.flags)) if (secret !== true) t.ok(flat.includes(`--${flag} `), `${name} --${flag}`)
    for (const flag of ['--log-level', '--debug']) t.ok(flat.includes(flag), `${name} ${flag}`)
  })
})

await t.test('with --help, the values of the other flags are not checked', async t => {
  t.match(await runCli(['generate', '--alerts', 'x', '--help'], { env: { ALERT_STREAM_VISITS: 'x' } }), { code: 0, stderr: '' })
})

await t.test('the name under which the program lists a mode is the name that the mode declares', async t => {
  t.strictSame((await modes.all()).map(({ mode }) => mode), modes.names)
})

await t.test('each mode rejects an unknown flag with a one-line error and exit code 2', async t => {
  await each(modes.names, async name => {
    const { code, stdout, stderr } = await runCli([name, '--no-such-flag'])
    t.equal(code, 2, name)
    t.equal(stdout, '', name)
    t.match(stderr, new RegExp(`^USAGE_UNKNOWN_FLAG: unknown flag --no-such-flag \\(${name}\\)\\. .*--help.*\n$`), name)
  })
})

await t.test('the overview lists every mode, help MODE prints the same as MODE --help, and a misspelt mode gets a suggestion', async t => {
  const overview = await runCli(['--help'])
  t.equal(overview.code, 0)
  for (const { mode, summary } of await modes.all()) {
    t.match(overview.stdout, new RegExp(`^ {2}${mode} +${summary.replace(/[()]/g, '\\$&')}$`, 'm'))
  }
  const help = await runCli(['help', 'generate'])
  t.equal(help.code, 0)
  t.equal(help.stdout, (await runCli(['generate', '--help'])).stdout)
  t.match(await runCli(['creat-stream', 'x']), {
    code: 2, stdout: '', stderr: 'USAGE_UNKNOWN_MODE: unknown mode \'creat-stream\'. Did you mean create-stream?\n'
  })
  t.match(await runCli(['help', 'serv']), { code: 2, stderr: /Did you mean serve\?\n$/ })
  t.match(await runCli(['constructor']), { code: 2, stderr: /^USAGE_UNKNOWN_MODE: unknown mode 'constructor'\. .*\n$/ })
  t.match(await runCli([]), { code: 2, stdout: '', stderr: overview.stdout }, 'without a mode, the program prints the overview to stderr')
})

await t.test('--version prints the version of package.json, and the revision of the image', async t => {
  const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
  t.match(await runCli(['--version']), { code: 0, stdout: `${version}\n`, stderr: '' })
  const env = { ALERT_STREAM_REVISION: '4f2c' }
  t.match(await runCli(['--version'], { env }), { code: 0, stdout: `${version} (revision 4f2c)\n`, stderr: '' })
  t.match(await runCli(['config', 'serve'], { env }), { code: 0, stderr: '' }, 'the revision variable causes no warning')
})

interface WrongUsage { readonly args: readonly string[], readonly env?: Readonly<Record<string, string>>, readonly error: RegExp }

const store = ['--alert-store', pathToFileURL(await tempDir(t)).href]
const wrongUsage: readonly WrongUsage[] = [
  { args: ['generate'], error: /^USAGE_MISSING: missing argument FILE: .* \(generate\)\. / },
  { args: ['generate', 'a.avro', 'b.avro'], error: /^USAGE_EXTRA_ARGUMENT: unexpected argument 'b\.avro' \(generate\)\. / },
  { args: ['generate', 'x.avro', '--alerts', '0'], error: /^USAGE_BAD_VALUE: --alerts is '0', but must be a whole number from 1 to \d+ / },
  { args: ['generate', 'x.avro'], env: { ALERT_STREAM_VISITS: 'two' }, error: /^USAGE_BAD_VALUE: ALERT_STREAM_VISITS is 'two'/ },
  { args: ['generate', 'x.avro', '--schema-version', '99.9'], error: /^PACKAGE_UNKNOWN_VERSION: .*99\.9/ },
  { args: ['play-stream', '--kafka-password', 'hunter2'], error: /^USAGE_BAD_VALUE: --kafka-password cannot be given on the command line/ },
  { args: ['play-stream', '--src-topic', '--burst'], error: /^USAGE_MISSING: --src-topic needs a value/ },
  { args: ['play-stream', '--broker', 'http://kafka:9092'], error: /^KAFKA_CONFIG: .*http:\/\/kafka:9092/ },
  { args: ['print-stream', '--kafka-auth-mechanism', 'scram'], error: /^KAFKA_CONFIG: .*user name/ },
  { args: ['print-stream', '--kafka-auth-mechanism', 'mtls'], error: /^KAFKA_CONFIG: .*client key/ },
  { args: ['sync-schema', '--all', '--schema-version', '7.4'], error: /^USAGE_BAD_VALUE: --all and --schema-version cannot be/ },
  { args: ['serve'], error: /^STORE_NOT_GIVEN: .*--alert-store/ },
  { args: ['ingest'], error: /^STORE_NOT_GIVEN: .*--alert-store/ },
  { args: ['serve', '--alert-store', 'store'], error: /^STORE_URL_INVALID: .*store/ },
  { args: ['serve', '--alert-store', 'gs://bucket'], env: { STORAGE_EMULATOR_HOST: 'ftp://x' }, error: /^STORE_EMULATOR_INVALID: / },
  { args: ['ingest', ...store, '--dead-letter-topic', 'a', '--dead-letter-store', 'file:///b'], error: /^USAGE_BAD_VALUE: both a topic/ },
  { args: ['redrive', '--discard'], error: /^USAGE_/ },
  { args: ['graph', 'demo'], error: /^USAGE_BAD_VALUE: mode demo has no graph/ },
  { args: ['config', '--list', '--format', 'yaml'], error: /^USAGE_BAD_VALUE: --list does not support --format yaml/ },
  { args: ['serve', '--config', '/nowhere/a.yaml'], error: /^USAGE_CONFIG_FILE: cannot read .* --config .*a\.yaml/ }
]

await t.test('after a usage error, the program prints a one-line error and exits with 2', async t => {
  await each(wrongUsage, async ({ args, env = {}, error }) => {
    const { code, stdout, stderr } = await runCli(args, { env: { ALERT_STREAM_LOG_LEVEL: 'error', ...env } })
    const title = args.join(' ')
    t.equal(code, 2, title)
    t.equal(stdout, '', title)
    t.match(stderr, error, title)
    t.match(stderr, /^[^\n]+[.?]\n$/, title)
    t.notMatch(stderr, /[.?!:][.:?!]|hunter2/, title)
  })
})

await t.test('after a failure, the program prints a one-line error and, with --debug, a stack, and exits with 1', async t => {
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
  t.match((await runCli(args, { env: { ALERT_STREAM_DEBUG: 'true' } })).stderr, /\n {4}at /, 'ALERT_STREAM_DEBUG=true prints the stack')
})

await t.test('the error for an unreadable password file names the file', async t => {
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
  await t.test(`exits with 0 after a clean drain on ${signal}, with results on stdout and JSON logs on stderr`, async t => {
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

await t.test('--log-level suppresses less severe messages', async t => {
  const server = await serve(t, '--log-level', 'error')
  t.match(await server.stop(), { code: 0, stderr: '' })
})

await t.test('the admin port serves /livez, /readyz, /metrics and /status while the mode runs', async t => {
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

await t.test('if the admin port is in use, the mode prints a one-line error and exits', async t => {
  const first = await serve(t, '--admin-port', '0')
  const [, port] = await first.waitFor(/"port":(\d+),"msg":"admin port is open"/)
  const alertStore = pathToFileURL(await tempDir(t)).href
  const args = ['serve', '--alert-store', alertStore, '--listen-port', '0', '--log-level', 'error', '--admin-port', port ?? '']
  const second = startCli(t, args)
  const { code, stderr } = await second.finished
  t.equal(code, 1)
  t.match(stderr, new RegExp(`^ADMIN_PORT_BUSY: .*127\\.0\\.0\\.1:${port}.*EADDRINUSE.*--admin-port.*\n$`))
  t.equal((await first.stop()).code, 0)
})

await t.test('exits with 0 if the reader of --help closes stdout', async t => {
  const cli = startCli(t, ['create-stream', '--help'])
  cli.child.stdout?.destroy()
  t.match(await cli.finished, { code: 0, signal: null, stderr: '' })
})

await t.test('exits with 1 if stderr is closed', async t => {
  const folder = await tempDir(t)
  await writeFile(join(folder, 'x.avro'), 'not avro')
  const cli = startCli(t, ['create-stream', join(folder, 'x.avro')])
  cli.child.stderr?.destroy()
  t.match(await cli.finished, { code: 1, signal: null, stdout: '' })
})

await t.test('never prints a password, even with --debug', async t => {
  const password = 'correct-horse-battery'
  const { code, stdout, stderr } = await runCli(
    ['play-stream', '--broker', `127.0.0.1:${CLOSED_PORT}`, '--kafka-auth-mechanism', 'scram', '--kafka-username', 'someone', '--debug'],
    { env: { ALERT_STREAM_KAFKA_PASSWORD: password } }
  )
  t.equal(code, 1)
  t.match(stderr, /^KAFKA_UNREACHABLE: /m)
  t.match(stderr, /^\s+at /m)
  t.notOk((stdout + stderr).includes(password))
})
