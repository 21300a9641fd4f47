import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { readCommandLine } from '../../src/program/command-line.ts'
import { findMode } from '../../src/cli/find-mode.ts'
import { modes } from '../../src/cli/modes.ts'
import type { Environment } from '../../src/config/parse.ts'
import { AlertStreamError, silent } from '../../src/pipeline/index.ts'
import { runCli, startCli, tempDir } from '../support/stack.ts'

interface Printed {
  readonly modes: ReadonlyArray<{ readonly mode: string, readonly settings: ReadonlyArray<{ readonly flag: string, readonly value: unknown, readonly from: string, readonly name?: string, readonly where?: string }> }>
}

const folder = await tempDir(t)

async function file (name: string, text: string): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, text)
  return path
}

/** What `alert-stream config ...` prints and warns of, without a process of its own: many are tried here. */
async function config (args: readonly string[], environment: Environment = {}): Promise<{ readonly stdout: string, readonly warnings: readonly string[] }> {
  const mode = await findMode('config')
  const line = await readCommandLine(mode, args, environment)
  if (line === undefined) throw new Error('help was asked for')
  let stdout = ''
  const warnings: string[] = []
  await mode.run(line.config, line.positionals, {
    log: { ...silent, warn: (_facts, message) => { warnings.push(message ?? '') } },
    print: async text => { stdout += text },
    stop: new AbortController().signal, environment, configFile: line.configFile, cacheDir: '', self: [], cwd: '.', isTerminal: false,
    progress: () => {}, requestStop: () => {}, expose: async () => undefined
  })
  return { stdout, warnings }
}

async function settingsOf (args: readonly string[], environment?: Environment) {
  return new Map((JSON.parse((await config([...args, '--format', 'json'], environment)).stdout) as Printed).modes[0]!.settings.map(({ flag, ...rest }) => [flag, rest]))
}

async function complaint (work: Promise<unknown>): Promise<AlertStreamError> {
  const error = await work.then(() => new Error('it was accepted'), (error: unknown) => error)
  if (error instanceof AlertStreamError) return error
  throw error
}

await t.test('a mode runs with what the file says; flag and environment go before it', async t => {
  const store = join(folder, 'store')
  await mkdir(store)
  const path = await file('serve.yaml', `listen-port: 1\nbroker: [nobody:1]\nserve:\n  listen-port: 0\n  alert-store: ${pathToFileURL(store).href}\n  path-prefix: /from-file\ningest:\n  what-ingest-checks: 1\n`)
  for (const [args, env, prefix] of [
    [[], { ALERT_STREAM_CONFIG: path }, 'from-file'],
    [['--config', path], { ALERT_STREAM_PATH_PREFIX: '/from-variable', ALERT_STREAM_CONFIG: '/none' }, 'from-variable']
  ] as const) {
    const server = startCli(t, ['serve', ...args], { env })
    await server.waitFor(new RegExp(`^serving http://127\\.0\\.0\\.1:\\d{2,5}/${prefix}/v1\n`))
    t.equal((await server.stop()).code, 0)
  }
})

await t.test('graph shows what the file says of its mode', async t => {
  const path = await file('graph.yaml', 'src-topic: of-the-file\nplay-stream: { repeat-interval: 5 }\n')
  t.match((await runCli(['graph', 'play-stream', '--config', path])).stdout, /of-the-file, every 5 s/)
  t.match(await runCli(['graph', 'play-stream', '--config', await file('graph-bad.yaml', 'play-stream: { repeat-interval: x }\n')]), {
    code: 2, stderr: /^USAGE_BAD_VALUE: repeat-interval is 'x', but must be a number .*\(.*graph-bad\.yaml:1:16\)/
  })
})

await t.test('what is wrong with the file is wrong usage: one line with file, line and column', async t => {
  const cases: Array<[string, string, RegExp]> = [
    ['typo.yaml', 'log-level: warn\nlisten-prot: 1\n', /^USAGE_UNKNOWN_KEY: 'listen-prot' is neither .*did you mean listen-port\? \(.*typo\.yaml:2:1\)\. .*\n$/],
    ['secret.yaml', 'kafka-password: hunter2\n', /^USAGE_BAD_VALUE: kafka-password is a secret, which a configuration file cannot hold \(.*secret\.yaml:1:1\)\. .*kafka-password-file\.\n$/]
  ]
  for (const [name, text, message] of cases) {
    const path = await file(name, text)
    for (const args of [['serve'], ['config', 'serve']]) {
      const { code, stdout, stderr } = await runCli([...args, '--alert-store', pathToFileURL(folder).href, '--config', path])
      t.equal(code, 2, name)
      t.equal(stdout, '', name)
      t.match(stderr, message, `${name} ${args.join(' ')}`)
      t.notMatch(stderr, /hunter2/)
    }
  }
  t.match(await runCli(['serve', '--config', join(folder, 'none.yaml')]), { code: 2, stderr: /^USAGE_CONFIG_FILE: the file that --config names cannot be read \(.*none\.yaml\): ENOENT.*\n$/ })
  t.match(await runCli(['serve'], { env: { ALERT_STREAM_CONFIG: folder } }), { code: 2, stderr: /^USAGE_CONFIG_FILE: the file that ALERT_STREAM_CONFIG names cannot be read .*EISDIR.*\n$/ })
})

await t.test('config prints each value and where it came from; secrets are masked and their files not read', async t => {
  const path = await file('ingest.yaml', 'broker: [a:1, b:2]\nkafka-password-file: /none/password\ningest:\n  batch-size: 7\n  kafka-topics: [x]\n')
  const settings = await settingsOf(['ingest', '--config', path, '--kafka-group', 'g', '--log-level', 'warn', '--no-wait-for-topic'], { ALERTDB_KAFKA_PASSWORD: 'hunter2', ALERT_STREAM_LAYOUT: 'v1' })
  t.match(Object.fromEntries(settings), {
    broker: { value: ['a:1', 'b:2'], from: 'file', name: 'broker', where: `${path}:1:1` },
    'kafka-password-file': { value: '/none/password', from: 'file', where: `${path}:2:1` },
    'batch-size': { value: 7, from: 'file', where: `${path}:4:3` },
    topic: { value: ['x'], from: 'file', name: 'kafka-topics', where: `${path}:5:3` },
    group: { value: 'g', from: 'flag', name: '--kafka-group' },
    'log-level': { value: 'warn', from: 'flag', name: '--log-level' },
    'wait-for-topic': { value: false, from: 'flag', name: '--no-wait-for-topic' },
    config: { value: path, from: 'flag', name: '--config' },
    layout: { value: 'v1', from: 'environment', name: 'ALERT_STREAM_LAYOUT' },
    'kafka-password': { value: '***', from: 'environment', name: 'ALERTDB_KAFKA_PASSWORD' },
    limit: { value: -1, from: 'default' },
    'alert-store': { value: null, from: 'default' }
  })
})

await t.test('its YAML gives the same values again', async t => {
  const before = await config(['play-stream', '--broker', 'a:1,b:2', '--repeat-interval', '-1', '--format', 'yaml'], { ALERT_STREAM_SRC_TOPIC: '11.10' })
  const again = await settingsOf(['play-stream', '--config', await file('again.yaml', before.stdout)])
  t.match(Object.fromEntries(again), { broker: { value: ['a:1', 'b:2'] }, 'repeat-interval': { value: -1 }, 'src-topic': { value: '11.10', from: 'file' }, 'dst-topic': { from: 'default' } })
})

await t.test('without a mode every mode is shown, and every section checked', async t => {
  const good = await config(['--config', await file('all.yaml', 'broker: [a:1]\nserve: { listen-port: 5 }\n'), '--format', 'json'])
  t.strictSame((JSON.parse(good.stdout) as Printed).modes.map(({ mode }) => mode), Object.keys(modes))
  const bad = await file('all-bad.yaml', 'ingest: { batch-size: 1 }\nserve: { listen-port: 5, nonsense: 1 }\n')
  t.match((await settingsOf(['ingest', '--config', bad])).get('batch-size'), { value: 1 }, 'another mode\'s section is not ingest\'s business')
  t.match(await complaint(config(['--config', bad])), { code: 'USAGE_UNKNOWN_KEY', message: /^'nonsense' is not a flag of serve/, where: `${bad}:2:26` })
})

await t.test('config refuses what the mode would refuse, with the same words', async t => {
  for (const [name, ...args] of [['ingest', '--batch-size', '0'], ['ingest', '--bach-size', '1'], ['ingest', '--kafka-password', 'hunter2'], ['ingest', '--topic'], ['create-stream', 'a', 'b']]) {
    const itself = await complaint(findMode(name ?? '').then(async mode => await readCommandLine(mode, args, {})))
    t.match(await complaint(config([name ?? '', ...args])), { code: itself.code, message: itself.message, where: itself.where, hint: itself.hint })
  }
  // Flags that contradict each other, of which the mode itself knows.
  for (const args of [['ingest', '--dead-letter-topic', 'a', '--dead-letter-store', 'file:///b'], ['play-stream', '--burst', '--profile', 'offsets'], ['redrive', '--discard']]) {
    t.match(await complaint(config(args)), { code: /^USAGE_/ }, args.join(' '))
  }
  t.match(await complaint(config(['ingst'])), { code: 'USAGE_UNKNOWN_MODE', message: /did you mean ingest\?/ })
  t.match(await complaint(config(['--broker', 'a:1', 'ingest'])), { code: 'USAGE_UNKNOWN_FLAG', message: '--broker is not a flag of config' }, 'the mode comes first')
  t.match(await config(['create-stream']), { stdout: /^FLAG/ }, 'arguments may be left out')
})

await t.test('a variable that no mode reads is warned of, with what was probably meant', async t => {
  const { warnings } = await config(['serve'], { ALERT_STREAM_LISTEN_PROT: '1', ALERT_STREAM_BROKER: 'a:1', ALERT_STREAM_LISTEN_PORT: '2', OTHER: 'x' })
  t.strictSame(warnings, ['no mode reads ALERT_STREAM_LISTEN_PROT: did you mean ALERT_STREAM_LISTEN_PORT?'], 'another mode\'s variable is no mistake')
})

await t.test('a mode that runs warns of such a variable too, since its default would be taken in silence', async t => {
  const { code, stderr } = await runCli(['graph', 'serve'], { env: { ALERT_STREAM_FORMT: 'dot', ALERT_STREAM_BROKER: 'a:1' } })
  t.equal(code, 0)
  t.match(stderr.trim().split('\n').map(line => JSON.parse(line) as object), [{ level: 40, mode: 'graph', msg: 'no mode reads ALERT_STREAM_FORMT: did you mean ALERT_STREAM_FORMAT?' }])
  t.equal(stderr.trim().split('\n').length, 1)
})

await t.test('the list has every flag of every mode, for programs and for people', async t => {
  const listed = await runCli(['config', '--list', '--format', 'json'])
  t.match(listed, { code: 0, stderr: '' })
  const all = (JSON.parse(listed.stdout) as { modes: Array<{ mode: string, flags: Array<{ flag: string }> }> }).modes
  t.strictSame(all.map(({ mode }) => mode), Object.keys(modes))
  for (const { mode, flags } of all) {
    const { flags: own } = await modes[mode]!.load()
    t.strictSame(flags.map(({ flag }) => flag), [...Object.keys(own), 'config', 'log-level', 'debug'], mode)
  }
  t.match(await config(['serve', '--list']), { stdout: /^serve\nFLAG.*\nlisten-host / })
  t.match(await complaint(config(['--list', '--format', 'yaml'])), { code: 'USAGE_BAD_VALUE', message: '--list cannot be printed as yaml' })
  t.match(await complaint(config(['serve', '--format', 'markdown'])), { code: 'USAGE_BAD_VALUE', message: '--format markdown is for --list only' })
  t.match(await complaint(config(['serve', '--list', '--listen-port', '1'])), { code: 'USAGE_UNKNOWN_FLAG' }, 'a listing has no values')
})
