import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { modes } from '../../src/cli/modes.ts'
import type { Environment } from '../../src/config/parse.ts'
import { AlertStreamError, silent } from '../../src/pipeline/index.ts'
import { readCommandLine } from '../../src/program/command-line.ts'
import { runCli, startCli, tempDir } from '../support/stack.ts'

interface Printed {
  readonly modes: ReadonlyArray<{ readonly mode: string, readonly settings: readonly PrintedSetting[] }>
}

interface PrintedSetting {
  readonly flag: string
  readonly value: unknown
  readonly from: string
  readonly name?: string
  readonly where?: string
}

const folder = await tempDir(t)

async function file (name: string, text: string): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, text)
  return path
}

/** Runs `alert-stream config ...` in the process of the test, because a child process is slower. */
async function config (args: readonly string[], environment: Environment = {}) {
  const mode = await modes.find('config')
  const line = await readCommandLine(mode, args, environment, modes)
  if (line === undefined) throw new Error('the arguments contain --help')
  let stdout = ''
  const warnings: string[] = []
  await mode.run(line.config, line.positionals, {
    log: { ...silent, warn: (_fields, message) => { warnings.push(message ?? '') } },
    print: async text => { stdout += text },
    stop: new AbortController().signal, environment, configFile: line.configFile, modes, cacheDir: '', self: [], cwd: '.',
    isTerminal: false, progress: () => {}, requestStop: () => {}, expose: async () => undefined
  })
  return { stdout, warnings }
}

async function settingsOf (args: readonly string[], environment?: Environment) {
  const { stdout } = await config([...args, '--format', 'json'], environment)
  return new Map((JSON.parse(stdout) as Printed).modes[0]!.settings.map(({ flag, ...rest }) => [flag, rest]))
}

async function errorOf (work: Promise<unknown>): Promise<AlertStreamError> {
  const error = await work.then(() => new Error('no error was thrown'), (error: unknown) => error)
  if (error instanceof AlertStreamError) return error
  throw error
}

await t.test('a mode runs with the values of the configuration file, and flags and environment variables override them', async t => {
  const store = join(folder, 'store')
  await mkdir(store)
  const path = await file('serve.yaml', [
    'listen-port: 1', 'broker: [nobody:1]', 'serve:', '  listen-port: 0', `  alert-store: ${pathToFileURL(store).href}`,
    '  path-prefix: /from-file', 'ingest:', '  unchecked: 1', ''
  ].join('\n'))
  for (const [args, env, prefix] of [
    [[], { ALERT_STREAM_CONFIG: path }, 'from-file'],
    [['--config', path], { ALERT_STREAM_PATH_PREFIX: '/from-variable', ALERT_STREAM_CONFIG: '/none' }, 'from-variable']
  ] as const) {
    const server = startCli(t, ['serve', ...args], { env })
    await server.waitFor(new RegExp(`^serving http://127\\.0\\.0\\.1:\\d{2,5}/${prefix}/v1\n`))
    t.equal((await server.stop()).code, 0)
  }
})

await t.test('the mode graph uses the values of the configuration file', async t => {
  const path = await file('graph.yaml', 'src-topic: file-topic\nplay-stream: { repeat-interval: 5 }\n')
  t.match((await runCli(['graph', 'play-stream', '--config', path])).stdout, /file-topic, every 5 s/)
  const bad = await file('graph-bad.yaml', 'play-stream: { repeat-interval: x }\n')
  t.match(await runCli(['graph', 'play-stream', '--config', bad]), {
    code: 2, stderr: /^USAGE_BAD_VALUE: repeat-interval is 'x', but must be a number .*\(.*graph-bad\.yaml:1:16\)/
  })
})

await t.test('an invalid configuration file is a usage error, and the one-line error has file, line and column', async t => {
  const cases: Array<[string, string, RegExp]> = [
    [
      'typo.yaml', 'log-level: warn\nlisten-prot: 1\n',
      /^USAGE_UNKNOWN_KEY: unknown key 'listen-prot': .* \(.*typo\.yaml:2:1\)\. Did you mean listen-port\?\n$/
    ],
    [
      'secret.yaml', 'kafka-password: hunter2\n',
      /^USAGE_BAD_VALUE: kafka-password is a secret and .* \(.*secret\.yaml:1:1\)\. .*kafka-password-file .*\.\n$/
    ]
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
  t.match(await runCli(['serve', '--config', join(folder, 'none.yaml')]), {
    code: 2, stderr: /^USAGE_CONFIG_FILE: cannot read the configuration file given by --config \(.*none\.yaml\): ENOENT.*\n$/
  })
  t.match(await runCli(['serve'], { env: { ALERT_STREAM_CONFIG: folder } }), {
    code: 2, stderr: /^USAGE_CONFIG_FILE: cannot read the configuration file given by ALERT_STREAM_CONFIG .*EISDIR.*\n$/
  })
})

await t.test('config prints each value with its source, masks secrets and reads no password file', async t => {
  const text = 'broker: [a:1, b:2]\nkafka-password-file: /none/password\ningest:\n  batch-size: 7\n  kafka-topics: [x]\n'
  const path = await file('ingest.yaml', text)
  const settings = await settingsOf(
    ['ingest', '--config', path, '--kafka-group', 'g', '--log-level', 'warn', '--no-wait-for-topic'],
    { ALERTDB_KAFKA_PASSWORD: 'hunter2', ALERT_STREAM_LAYOUT: 'v1' }
  )
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

await t.test('the YAML output is a configuration file with the same values', async t => {
  const args = ['play-stream', '--broker', 'a:1,b:2', '--repeat-interval', '-1', '--format', 'yaml']
  const before = await config(args, { ALERT_STREAM_SRC_TOPIC: '11.10' })
  const again = await settingsOf(['play-stream', '--config', await file('again.yaml', before.stdout)])
  t.match(Object.fromEntries(again), {
    broker: { value: ['a:1', 'b:2'] }, 'repeat-interval': { value: -1 }, 'src-topic': { value: '11.10', from: 'file' },
    'dst-topic': { from: 'default' }
  })
})

await t.test('config without a mode prints all modes and checks every section of the file', async t => {
  const good = await config(['--config', await file('all.yaml', 'broker: [a:1]\nserve: { listen-port: 5 }\n'), '--format', 'json'])
  t.strictSame((JSON.parse(good.stdout) as Printed).modes.map(({ mode }) => mode), modes.names)
  const bad = await file('all-bad.yaml', 'ingest: { batch-size: 1 }\nserve: { listen-port: 5, nonsense: 1 }\n')
  t.match((await settingsOf(['ingest', '--config', bad])).get('batch-size'), { value: 1 }, 'the section of another mode is not checked')
  t.match(await errorOf(config(['--config', bad])), {
    code: 'USAGE_UNKNOWN_KEY', message: 'unknown key \'nonsense\' in section serve', where: `${bad}:2:26`
  })
})

await t.test('config MODE fails with the same error as the mode', async t => {
  for (const [name = '', ...args] of [
    ['ingest', '--batch-size', '0'], ['ingest', '--bach-size', '1'], ['ingest', '--kafka-password', 'hunter2'], ['ingest', '--topic'],
    ['create-stream', 'a', 'b']
  ]) {
    const { code, message, where, hint } = await errorOf(modes.find(name).then(async mode => await readCommandLine(mode, args, {}, modes)))
    t.match(await errorOf(config([name, ...args])), { code, message, where, hint })
  }
  for (const args of [
    ['ingest', '--dead-letter-topic', 'a', '--dead-letter-store', 'file:///b'], ['play-stream', '--burst', '--profile', 'offsets'],
    ['redrive', '--discard']
  ]) {
    t.match(await errorOf(config(args)), { code: /^USAGE_/ }, args.join(' '))
  }
  t.match(await errorOf(config(['ingst'])), { code: 'USAGE_UNKNOWN_MODE', hint: 'Did you mean ingest?' })
  t.match(
    await errorOf(config(['--broker', 'a:1', 'ingest'])), { code: 'USAGE_UNKNOWN_FLAG', message: 'unknown flag --broker', where: 'config' },
    'a flag of the mode is rejected before the mode name'
  )
  t.match(await config(['create-stream']), { stdout: /^FLAG/ }, 'positional arguments are optional')
})

await t.test('warns about a variable that no mode reads, with a suggestion', async t => {
  const environment = { ALERT_STREAM_LISTEN_PROT: '1', ALERT_STREAM_BROKER: 'a:1', ALERT_STREAM_LISTEN_PORT: '2', OTHER: 'x' }
  const { warnings } = await config(['serve'], environment)
  t.strictSame(warnings, ['no mode reads ALERT_STREAM_LISTEN_PROT. Did you mean ALERT_STREAM_LISTEN_PORT?'])
})

await t.test('a running mode warns about a variable that no mode reads', async t => {
  const { code, stderr } = await runCli(['graph', 'serve'], { env: { ALERT_STREAM_FORMT: 'dot', ALERT_STREAM_BROKER: 'a:1' } })
  t.equal(code, 0)
  const messages = stderr.trim().split('\n').map(line => JSON.parse(line) as object)
  t.equal(messages.length, 1)
  t.match(messages, [{ level: 40, mode: 'graph', msg: 'no mode reads ALERT_STREAM_FORMT. Did you mean ALERT_STREAM_FORMAT?' }])
})

await t.test('--list prints every flag of every mode as JSON or as a table', async t => {
  const listed = await runCli(['config', '--list', '--format', 'json'])
  t.match(listed, { code: 0, stderr: '' })
  const all = (JSON.parse(listed.stdout) as { modes: Array<{ mode: string, flags: Array<{ flag: string }> }> }).modes
  t.strictSame(all.map(({ mode }) => mode), modes.names)
  for (const { mode, flags } of all) {
    t.strictSame(flags.map(({ flag }) => flag), Object.keys((await modes.find(mode)).flags), mode)
    t.strictSame(flags.slice(-3).map(({ flag }) => flag), ['config', 'log-level', 'debug'], mode)
  }
  t.match(await config(['serve', '--list']), { stdout: /^serve\nFLAG.*\nlisten-host / })
  t.match(await errorOf(config(['--list', '--format', 'yaml'])), {
    code: 'USAGE_BAD_VALUE', message: '--list does not support --format yaml'
  })
  t.match(await errorOf(config(['serve', '--format', 'markdown'])), {
    code: 'USAGE_BAD_VALUE', message: '--format markdown requires --list'
  })
  t.match(await errorOf(config(['serve', '--list', '--listen-port', '1'])), { code: 'USAGE_UNKNOWN_FLAG' }, '--list takes no other flags')
})
