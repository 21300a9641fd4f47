import t from 'tap'
import { allModes } from '../../src/cli/find-mode.ts'
import { checkKeys, parseConfigFile, valuesFor } from '../../src/config/file.ts'
import { flags } from '../../src/config/flags.ts'
import { parseCommandLine, settle, type Environment } from '../../src/config/parse.ts'
import { readArguments } from '../../src/config/argv.ts'
import { AlertStreamError } from '../../src/pipeline/index.ts'

const table = flags({
  config: { type: 'text', description: 'The file.' },
  broker: { type: 'list', default: ['localhost:9092'], aliases: ['kafka-host'], description: 'A list.' },
  topic: { type: 'text', description: 'A text.' },
  prefix: { type: 'text', default: '', description: 'A text that may be empty.' },
  version: { type: 'text', description: 'Digits that are no number.' },
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

function complaint (work: () => unknown): AlertStreamError {
  try {
    work()
  } catch (error) {
    if (error instanceof AlertStreamError) return error
    throw error
  }
  throw new Error('it was accepted')
}

await t.test('every type is taken from the file, lists and numbers as such or as text', async t => {
  for (const text of [
    'broker: [b:1, c:2]\ntopic: a\ninterval: 2.5\ncount: 7\nformat: json\nburst: true\nchecks: false\n',
    'broker: b:1, c:2\ntopic: "a"\ninterval: "2.5"\ncount: 0x7\nformat: \'json\'\nburst: on\nchecks: "no"\n',
    'broker:\n  - b:1\n  - c:2\ntopic: &t a\ninterval: 25e-1\ncount: 7\nformat: json\nburst: True\nchecks: 0\n'
  ]) t.match(parse(text), { topic: 'a', broker: ['b:1', 'c:2'], interval: 2.5, count: 7, format: 'json', burst: true, checks: false }, text)
})

await t.test('a text is taken as it is written, also where YAML sees a number', async t => {
  t.equal(parse('version: 11.10').version, '11.10')
  t.equal(parse('version: 007').version, '007')
  t.equal(parse('version: true').version, 'true')
  t.equal(parse('version: "null"').version, 'null')
  t.equal(parse('prefix: ""').prefix, '')
})

await t.test('a flag goes before a variable, that before the mode\'s section, that before the top level, that before the default', async t => {
  const text = 'topic: shared\ncount: 2\ninterval: 3\ntry: { topic: own, count: 3 }\n'
  t.match(parse(text), { topic: 'own', count: 3, interval: 3, format: 'text' })
  t.match(parse(text, ['--topic', 'flag'], { ALERT_STREAM_TOPIC: 'variable', ALERT_STREAM_COUNT: '4' }), { topic: 'flag', count: 4 })
  t.match(parse('kafka-host: [a:1]\ntry: { broker: [b:1] }'), { broker: ['b:1'] }, 'an alias is the same flag')
  t.match(parse('broker: [a:1]', [], { ALERT_STREAM_KAFKA_HOST: 'e:1' }), { broker: ['e:1'] })
  t.match(parse('broker: [a:1, b:1]', ['--broker', 'f:1']), { broker: ['f:1'] }, 'lists are replaced, not joined')
})

await t.test('each value knows where it came from', async t => {
  const file = parseConfigFile('kafka-host: [a:1]\n\ntry:\n  topic: own\n', 'dir/a.yaml')
  const settings = settle(command, readArguments(command, ['--count=3', '--no-checks']), { ALERT_STREAM_INTERVAL: '5' }, file)
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

await t.test('a file without content, or with comments or empty sections only, sets nothing', async t => {
  for (const text of ['', '# nothing\n', '---\n', '{}', 'try:\n', 'try:\n  # topic: a\nother:\n', '\uFEFF']) t.strictSame({ ...parse(text) }, { ...parseCommandLine(command, [], {}).config }, JSON.stringify(text))
})

await t.test('what is not strict YAML is refused with line and column', async t => {
  const cases: Array<[string, string, RegExp]> = [
    ['topic: a\ntopic: b\n', '2:1', /^this key is there already$/],
    ['try:\n  topic: a\n  topic: b\n', '3:3', /^this key is there already$/],
    ['topic: [a\ncount: 1\n', '2:1', /^this is not YAML: /],
    ['topic: a: b\n', '1:8', /^this is not YAML: /],
    ['\ttopic: a\n', '1:1', /^this is not YAML: Tabs /],
    ['topic: a\n---\ntopic: b\n', '2:1', /^the file must hold one document$/],
    ['topic: !secret a\n', '1:8', /^this is not YAML: .*tag/],
    ['topic: *nobody\n', '1:1', /^\*nobody refers to nothing$/],
    ['? [a, b]\n: 1\n', '1:3', /^this is not YAML: .*keys must be strings/],
    ['- topic\n', '1:1', /^the file must be a mapping/],
    ['topic\n', '1:1', /^the file must be a mapping/],
    ['broker: [a:1]\nkafka-host: [b:1]\n', '2:1', /^kafka-host and broker are the same flag$/]
  ]
  for (const [text, where, message] of cases) t.match(complaint(() => parse(text)), { code: 'USAGE_CONFIG_FILE', message, where: `a.yaml:${where}` }, JSON.stringify(text))
})

await t.test('a bad value is refused by its key and place, with what would be right', async t => {
  const cases: Array<[string, string, string, RegExp]> = [
    ['count: many', '1:1', 'USAGE_BAD_VALUE', /^count is 'many', but must be a whole number from 1 to 10$/],
    ['try:\n  count: 11', '2:3', 'USAGE_BAD_VALUE', /from 1 to 10/],
    ['count: 2.5', '1:1', 'USAGE_BAD_VALUE', /a whole number/],
    ['interval: .inf', '1:1', 'USAGE_BAD_VALUE', /a number/],
    ['format: xml', '1:1', 'USAGE_BAD_VALUE', /one of text, json/],
    ['burst: maybe', '1:1', 'USAGE_BAD_VALUE', /on or off/],
    ['topic: ""', '1:1', 'USAGE_BAD_VALUE', /a text that is not empty/],
    ['broker: []', '1:1', 'USAGE_BAD_VALUE', /a list with at least one item/],
    ['kafka-host: ","', '1:1', 'USAGE_BAD_VALUE', /^kafka-host is ','/],
    ['topic: [a]', '1:1', 'USAGE_BAD_VALUE', /^topic must be one value, not a list$/],
    ['topic: { a: b }', '1:1', 'USAGE_BAD_VALUE', /^topic must be one value$/],
    ['broker: [[a]]', '1:1', 'USAGE_BAD_VALUE', /^broker must be a list of texts$/],
    ['broker: [a:1, null]', '1:1', 'USAGE_BAD_VALUE', /^broker must be a list of texts$/],
    ['broker: { host: a }', '1:1', 'USAGE_BAD_VALUE', /^broker must be a list of texts$/],
    ['topic:', '1:1', 'USAGE_MISSING', /^topic has no value$/],
    ['topic: ~', '1:1', 'USAGE_MISSING', /^topic has no value$/]
  ]
  for (const [text, where, code, message] of cases) t.match(complaint(() => parse(text)), { code, message, where: `a.yaml:${where}` }, text)
  t.equal(parse('count: many', ['--count', '3']).count, 3, 'what goes before it makes it unread')
})

await t.test('a secret is refused wherever it stands, and not repeated; the file that holds it is named', async t => {
  for (const text of ['password: hunter2', 'try: { password: hunter2 }']) {
    const error = complaint(() => parse(text, [], { ALERT_STREAM_PASSWORD: 'set' }))
    t.match(error, { code: 'USAGE_BAD_VALUE', message: /secret/, hint: 'Set ALERT_STREAM_PASSWORD, or give the file that holds it with password-file.' })
    t.notMatch(JSON.stringify(error), /hunter2/)
  }
  t.equal(complaint(() => parse('token: x')).hint, 'Set ALERT_STREAM_TOKEN.')
  t.equal(parse('password-file: p').passwordFile, 'p')
})

await t.test('a file names no other file', async t => {
  t.match(complaint(() => parse('config: b.yaml')), { code: 'USAGE_BAD_VALUE', message: /cannot name another/ })
  t.match(complaint(() => valuesFor({ mode: 'config', flags: table }, parseConfigFile('config: { format: json }', 'a.yaml'))), { code: 'USAGE_BAD_VALUE' })
})

await t.test('a key of the mode\'s section that is no flag of it is refused; other sections and other modes\' keys are left alone', async t => {
  t.match(complaint(() => parse('try:\n  topik: a')), { code: 'USAGE_UNKNOWN_KEY', message: '\'topik\' is not a flag of try: did you mean topic?', where: 'a.yaml:2:3' })
  t.match(complaint(() => parse('try: { zzzzzzzzz: a }')), { code: 'USAGE_UNKNOWN_KEY', message: '\'zzzzzzzzz\' is not a flag of try' })
  t.match(complaint(() => parse('try: { --topic: a }')), { message: /did you mean topic\?/ })
  t.equal(parse('other: { nonsense: 1 }\nlisten-port: 1\ntopic: a').topic, 'a')
})

await t.test('the whole file is checked for what no mode knows; other modes are asked only where this one does not know a key', async t => {
  const other = { 'listen-port': { type: 'integer', description: '' }, secret: { type: 'text', secret: true, description: '' } } as const
  let asked = 0
  const check = async (text: string) => await checkKeys(parseConfigFile(text, 'a.yaml'), command, ['try', 'serve'], async () => {
    asked++
    return [table, other]
  })
  await check('topic: a\nserve: { anything: 1 }\ntry: {}\n')
  t.equal(asked, 0)
  await check('topic: a\nlisten-port: 1\n')
  t.equal(asked, 1)
  await t.rejects(check('topic: a\nlisten-prot: 1\n'), { code: 'USAGE_UNKNOWN_KEY', message: '\'listen-prot\' is neither a flag of any mode nor a mode: did you mean listen-port?', where: 'a.yaml:2:1' })
  await t.rejects(check('serv: { listen-port: 1 }\n'), { code: 'USAGE_UNKNOWN_KEY', message: /did you mean serve\?/ })
  await t.rejects(check('serve: 1\n'), { code: 'USAGE_BAD_VALUE', message: /^serve is a mode/ })
  await t.rejects(check('secret: x\n'), { code: 'USAGE_BAD_VALUE', message: /secret/ }, 'another mode\'s secret is none of the file\'s either')
})

await t.test('no flag has a mode\'s name, but for the one that names the file: a key is either', async t => {
  const modes = await allModes()
  const names = new Set(modes.flatMap(({ flags }) => Object.entries(flags).flatMap(([name, { aliases = [] }]) => [name, ...aliases])))
  t.ok(names.size > 50)
  t.strictSame(modes.map(({ mode }) => mode).filter(mode => names.has(mode)), ['config'])
})
