import t from 'tap'
import { modes } from '../../src/cli/modes.ts'
import { checkKeys, valuesFor } from '../../src/config/file.ts'
import { parseConfigFile } from '../../src/config/parse-file.ts'
import { flags } from '../../src/config/flags.ts'
import { parseCommandLine, settingsOf, type Environment } from '../../src/config/parse.ts'
import { readArguments } from '../../src/config/argv.ts'
import { AlertStreamError } from '../../src/pipeline/index.ts'

const table = flags({
  config: { type: 'text', description: 'The file.' },
  broker: { type: 'list', default: ['localhost:9092'], aliases: ['kafka-host'], description: 'A list.' },
  topic: { type: 'text', description: 'A text.' },
  prefix: { type: 'text', default: '', description: 'A text that may be empty.' },
  version: { type: 'text', description: 'A text of digits.' },
  interval: { type: 'number', default: 37, description: 'A number.' },
  count: { type: 'integer', min: 1, max: 10, description: 'A whole number.' },
  burst: { type: 'switch', description: 'A switch.' },
  checks: { type: 'switch', default: true, description: 'A switch that is on.' },
  format: { type: 'choice', choices: ['text', 'json'], default: 'text', description: 'A choice.' },
  password: { type: 'text', secret: true, description: 'A secret.' },
  'password-file': { type: 'text', description: 'A file.' },
  token: { type: 'text', secret: true, description: 'A secret without file.' }
})
const command = { mode: 'try', flags: table }

function parse (text: string, argv: string[] = [], environment: Environment = {}) {
  return parseCommandLine(command, argv, environment, parseConfigFile(text, 'a.yaml')).config
}

function errorOf (work: () => unknown): AlertStreamError {
  try {
    work()
  } catch (error) {
    if (error instanceof AlertStreamError) return error
    throw error
  }
  throw new Error('no error was thrown')
}

await t.test('reads every flag type, as a YAML value or as text', async t => {
  for (const text of [
    'broker: [b:1, c:2]\ntopic: a\ninterval: 2.5\ncount: 7\nformat: json\nburst: true\nchecks: false\n',
    'broker: b:1, c:2\ntopic: "a"\ninterval: "2.5"\ncount: 0x7\nformat: \'json\'\nburst: on\nchecks: "no"\n',
    'broker:\n  - b:1\n  - c:2\ntopic: &t a\ninterval: 25e-1\ncount: 7\nformat: json\nburst: True\nchecks: 0\n'
  ]) {
    t.match(parse(text), { topic: 'a', broker: ['b:1', 'c:2'], interval: 2.5, count: 7, format: 'json', burst: true, checks: false }, text)
  }
})

await t.test('keeps the value of a text flag as written, even if a YAML parser would read the value as a number', async t => {
  t.equal(parse('version: 11.10').version, '11.10')
  t.equal(parse('version: 007').version, '007')
  t.equal(parse('version: true').version, 'true')
  t.equal(parse('version: "null"').version, 'null')
  t.equal(parse('prefix: ""').prefix, '')
})

await t.test('precedence: flag, environment variable, section of the mode, top level, default', async t => {
  const text = 'topic: shared\ncount: 2\ninterval: 3\ntry: { topic: own, count: 3 }\n'
  t.match(parse(text), { topic: 'own', count: 3, interval: 3, format: 'text' })
  const environment = { ALERT_STREAM_TOPIC: 'variable', ALERT_STREAM_COUNT: '4' }
  t.match(parse(text, ['--topic', 'flag'], environment), { topic: 'flag', count: 4 })
  t.match(parse('kafka-host: [a:1]\ntry: { broker: [b:1] }'), { broker: ['b:1'] }, 'the section overrides an alias')
  t.match(parse('broker: [a:1]', [], { ALERT_STREAM_KAFKA_HOST: 'e:1' }), { broker: ['e:1'] })
  t.match(parse('broker: [a:1, b:1]', ['--broker', 'f:1']), { broker: ['f:1'] }, 'a list flag replaces the list of the file')
})

await t.test('records the source of each value', async t => {
  const file = parseConfigFile('kafka-host: [a:1]\n\ntry:\n  topic: own\n', 'dir/a.yaml')
  const settings = settingsOf(command, readArguments(command, ['--count=3', '--no-checks']), { ALERT_STREAM_INTERVAL: '5' }, file)
  t.strictSame(Object.fromEntries(settings.map(({ name, origin }) => [name, origin])), {
    config: { from: 'default' },
    broker: { from: 'file', name: 'kafka-host', where: 'dir/a.yaml:1:1' },
    topic: { from: 'file', name: 'topic', where: 'dir/a.yaml:4:3' },
    prefix: { from: 'default' },
    version: { from: 'default' },
    interval: { from: 'environment', name: 'ALERT_STREAM_INTERVAL' },
    count: { from: 'flag', name: '--count' },
    burst: { from: 'default' },
    checks: { from: 'flag', name: '--no-checks' },
    format: { from: 'default' },
    password: { from: 'default' },
    'password-file': { from: 'default' },
    token: { from: 'default' }
  })
})

await t.test('an empty file, and a file with only comments or empty sections, sets nothing', async t => {
  for (const text of ['', '# nothing\n', '---\n', '{}', 'try:\n', 'try:\n  # topic: a\nother:\n', '\uFEFF']) {
    t.strictSame({ ...parse(text) }, { ...parseCommandLine(command, [], {}).config }, JSON.stringify(text))
  }
})

await t.test('rejects invalid YAML with line and column', async t => {
  const cases: Array<[string, string, RegExp]> = [
    ['topic: a\ntopic: b\n', '2:1', /^duplicate key$/],
    ['try:\n  topic: a\n  topic: b\n', '3:3', /^duplicate key$/],
    ['topic: [a\ncount: 1\n', '2:1', /^invalid YAML: /],
    ['topic: a: b\n', '1:8', /^invalid YAML: /],
    ['\ttopic: a\n', '1:1', /^invalid YAML: Tabs /],
    ['topic: a\n---\ntopic: b\n', '2:1', /^the file must contain a single YAML document$/],
    ['topic: !secret a\n', '1:8', /^invalid YAML: .*tag/],
    ['topic: *nobody\n', '1:1', /^alias \*nobody has no anchor$/],
    ['? [a, b]\n: 1\n', '1:3', /^invalid YAML: .*keys must be strings/],
    ['- topic\n', '1:1', /^the file must be a mapping/],
    ['topic\n', '1:1', /^the file must be a mapping/],
    ['broker: [a:1]\nkafka-host: [b:1]\n', '2:1', /^kafka-host and broker are the same flag$/]
  ]
  for (const [text, where, message] of cases) {
    t.match(errorOf(() => parse(text)), { code: 'USAGE_CONFIG_FILE', message, where: `a.yaml:${where}` }, JSON.stringify(text))
  }
})

await t.test('rejects a bad value with its key, its position and the valid values', async t => {
  const cases: Array<[string, string, string, RegExp]> = [
    ['count: many', '1:1', 'USAGE_BAD_VALUE', /^count is 'many', but must be a whole number from 1 to 10$/],
    ['try:\n  count: 11', '2:3', 'USAGE_BAD_VALUE', /from 1 to 10/],
    ['count: 2.5', '1:1', 'USAGE_BAD_VALUE', /a whole number/],
    ['interval: .inf', '1:1', 'USAGE_BAD_VALUE', /a number/],
    ['format: xml', '1:1', 'USAGE_BAD_VALUE', /one of text, json/],
    ['burst: maybe', '1:1', 'USAGE_BAD_VALUE', /on or off/],
    ['topic: ""', '1:1', 'USAGE_BAD_VALUE', /a non-empty text/],
    ['broker: []', '1:1', 'USAGE_BAD_VALUE', /a list with at least one item/],
    ['kafka-host: ","', '1:1', 'USAGE_BAD_VALUE', /^kafka-host is ','/],
    ['topic: [a]', '1:1', 'USAGE_BAD_VALUE', /^topic must be a single value, not a list$/],
    ['topic: { a: b }', '1:1', 'USAGE_BAD_VALUE', /^topic must be a single value$/],
    ['broker: [[a]]', '1:1', 'USAGE_BAD_VALUE', /^broker must be a list of texts$/],
    ['broker: [a:1, null]', '1:1', 'USAGE_BAD_VALUE', /^broker must be a list of texts$/],
    ['broker: { host: a }', '1:1', 'USAGE_BAD_VALUE', /^broker must be a list of texts$/],
    ['topic:', '1:1', 'USAGE_MISSING', /^topic has no value$/],
    ['topic: ~', '1:1', 'USAGE_MISSING', /^topic has no value$/]
  ]
  for (const [text, where, code, message] of cases) {
    t.match(errorOf(() => parse(text)), { code, message, where: `a.yaml:${where}` }, text)
  }
  t.equal(parse('count: many', ['--count', '3']).count, 3, 'a value of the file is not checked if a flag overrides it')
})

await t.test('rejects a secret, does not print its value, and names the flag for a password file', async t => {
  for (const text of ['password: hunter2', 'try: { password: hunter2 }']) {
    const error = errorOf(() => parse(text, [], { ALERT_STREAM_PASSWORD: 'set' }))
    t.match(error, {
      code: 'USAGE_BAD_VALUE', message: 'password is a secret and cannot be set in a configuration file',
      hint: 'Set ALERT_STREAM_PASSWORD, or set password-file to the path of a file that contains it.'
    })
    t.notMatch(JSON.stringify(error), /hunter2/)
  }
  t.equal(errorOf(() => parse('token: x')).hint, 'Set ALERT_STREAM_TOKEN.')
  t.equal(parse('password-file: p').passwordFile, 'p')
})

await t.test('rejects the path of another configuration file', async t => {
  t.match(errorOf(() => parse('config: b.yaml')), { code: 'USAGE_BAD_VALUE', message: /cannot name another/ })
  const file = parseConfigFile('config: { format: json }', 'a.yaml')
  t.match(errorOf(() => valuesFor({ mode: 'config', flags: table }, file)), { code: 'USAGE_BAD_VALUE' })
})

await t.test('rejects an unknown key in the section of the mode, and ignores the sections of other modes', async t => {
  t.match(errorOf(() => parse('try:\n  topik: a')), {
    code: 'USAGE_UNKNOWN_KEY', message: 'unknown key \'topik\' in section try', hint: 'Did you mean topic?', where: 'a.yaml:2:3'
  })
  t.match(errorOf(() => parse('try: { zzzzzzzzz: a }')), {
    code: 'USAGE_UNKNOWN_KEY', message: 'unknown key \'zzzzzzzzz\' in section try', hint: /config --list/
  })
  t.match(errorOf(() => parse('try: { --topic: a }')), { hint: 'Did you mean topic?' })
  t.equal(parse('other: { nonsense: 1 }\nlisten-port: 1\ntopic: a').topic, 'a')
})

await t.test('rejects keys that no mode knows, and loads the other modes only for a key that the running mode does not know', async t => {
  const other = { 'listen-port': { type: 'integer', description: '' }, secret: { type: 'text', secret: true, description: '' } } as const
  let loads = 0
  const all = async () => {
    loads++
    return [{ flags: table }, { flags: other }]
  }
  const check = async (text: string) => await checkKeys(parseConfigFile(text, 'a.yaml'), command, { names: ['try', 'serve'], all })
  await check('topic: a\nserve: { anything: 1 }\ntry: {}\n')
  t.equal(loads, 0)
  await check('topic: a\nlisten-port: 1\n')
  t.equal(loads, 1)
  await t.rejects(check('topic: a\nlisten-prot: 1\n'), {
    code: 'USAGE_UNKNOWN_KEY', message: 'unknown key \'listen-prot\': no flag and no mode has this name', hint: 'Did you mean listen-port?',
    where: 'a.yaml:2:1'
  })
  await t.rejects(check('serv: { listen-port: 1 }\n'), { code: 'USAGE_UNKNOWN_KEY', hint: 'Did you mean serve?' })
  await t.rejects(check('serve: 1\n'), { code: 'USAGE_BAD_VALUE', message: /^serve is a mode/ })
  await t.rejects(check('secret: x\n'), { code: 'USAGE_BAD_VALUE', message: /secret/ }, 'a secret flag of another mode is rejected too')
})

// In a file, `list` is the section of the mode: --list is a flag of the mode config only, which takes it from the command line.
await t.test('no flag has the name of a mode, except --config and --list', async t => {
  const all = await modes.all()
  const names = new Set(all.flatMap(({ flags }) => Object.entries(flags).flatMap(([name, { aliases = [] }]) => [name, ...aliases])))
  t.ok(names.size > 50)
  t.strictSame(modes.names.filter(mode => names.has(mode)), ['list', 'config'])
})
