import t from 'tap'
import { adminFlags, kafkaFlags, registryFlags, topicFlags } from '../../src/config/common.ts'
import { camel, environmentName, flags, type Flags } from '../../src/config/flags.ts'
import { modeHelp } from '../../src/config/help.ts'
import { parseCommandLine, type CommandLine, type Environment } from '../../src/config/parse.ts'
import { AlertStreamError, formatError } from '../../src/pipeline/index.ts'

const table = flags({
  'src-topic': { type: 'text', default: 'alerts-static', description: 'A text.' },
  prefix: { type: 'text', default: '', description: 'A text that may be empty.' },
  name: { type: 'text', description: 'No default.', check: value => value === value.toLowerCase() ? undefined : 'in lower case' },
  broker: { type: 'list', default: ['localhost:9092'], aliases: ['kafka-host'], description: 'A list.' },
  topics: { type: 'list', description: 'A list without default.', aliases: ['topic', 'kafka-topics'] },
  'repeat-interval': { type: 'number', default: 37, max: 1e6, description: 'A number.' },
  count: { type: 'integer', min: 1, max: 10, description: 'A whole number.' },
  least: { type: 'integer', min: -1, default: -1, description: 'With a lower bound only.' },
  burst: { type: 'switch', description: 'Off unless given.' },
  checks: { type: 'switch', default: true, description: 'On unless taken back.' },
  format: { type: 'choice', choices: ['text', 'json'], default: 'text', description: 'One of some.' },
  password: { type: 'text', secret: true, environment: ['OLD_PASSWORD'], description: 'A secret.' }
})
const command = { mode: 'try', flags: table, positionals: [{ name: 'FILE', description: 'a file', optional: true }] }

function parse (argv: string[], environment: Environment = {}) {
  return parseCommandLine(command, argv, environment).config
}

function complaint (argv: string[], environment: Environment = {}, of: CommandLine<Flags> = command): AlertStreamError {
  try {
    parseCommandLine(of, argv, environment)
  } catch (error) {
    if (error instanceof AlertStreamError) return error
    throw error
  }
  throw new Error(`${argv.join(' ')} was accepted`)
}

await t.test('without flags and environment the defaults hold', async t => {
  t.strictSame({ ...parse([]) }, {
    srcTopic: 'alerts-static', prefix: '', name: undefined, broker: ['localhost:9092'], topics: undefined, repeatInterval: 37, count: undefined, least: -1,
    burst: false, checks: true, format: 'text', password: undefined
  })
})

await t.test('every type is taken from a flag, as two words or with an equals sign', async t => {
  for (const argv of [
    ['--src-topic', 'a', '--broker', 'b:1,c:2', '--repeat-interval', '2.5', '--count', '7', '--format', 'json', '--burst', '--no-checks'],
    ['--src-topic=a', '--broker=b:1, c:2', '--repeat-interval=2.5', '--count=7', '--format=json', '--burst=on', '--checks=false']
  ]) {
    t.match(parse(argv), { srcTopic: 'a', broker: ['b:1', 'c:2'], repeatInterval: 2.5, count: 7, format: 'json', burst: true, checks: false }, argv.join(' '))
  }
})

await t.test('a negative number is a value as a word of its own, the next flag is not', async t => {
  t.equal(parse(['--repeat-interval', '-1']).repeatInterval, -1)
  t.equal(parse(['--repeat-interval', '-0.5']).repeatInterval, -0.5)
  t.equal(parse(['--repeat-interval=-1']).repeatInterval, -1)
  t.equal(parse(['--least', '-1']).least, -1)
  t.match(complaint(['--src-topic', '--burst']), { code: 'USAGE_MISSING', message: '--src-topic needs a value: TEXT', hint: /--src-topic=--burst/ })
  t.match(complaint(['--src-topic']), { code: 'USAGE_MISSING', message: '--src-topic needs a value: TEXT' })
  t.equal(parse(['--src-topic=--burst']).srcTopic, '--burst')
})

await t.test('a flag goes before its variable, the variable before the default, and an empty variable counts as none', async t => {
  const environment = { ALERT_STREAM_SRC_TOPIC: 'from-env', ALERT_STREAM_COUNT: '3', ALERT_STREAM_BURST: 'yes', ALERT_STREAM_CHECKS: '0', ALERT_STREAM_BROKER: 'x:1,y:2', ALERT_STREAM_FORMAT: 'json' }
  t.match(parse([], environment), { srcTopic: 'from-env', count: 3, burst: true, checks: false, broker: ['x:1', 'y:2'], format: 'json' })
  t.match(parse(['--src-topic', 'from-flag', '--no-burst', '--broker', 'z:3'], environment), { srcTopic: 'from-flag', burst: false, broker: ['z:3'] })
  t.equal(parse([], { ALERT_STREAM_SRC_TOPIC: '' }).srcTopic, 'alerts-static')
})

await t.test('aliases are the same flag, on the command line and in the environment; the name itself goes first', async t => {
  t.strictSame(parse(['--kafka-host', 'h:1']).broker, ['h:1'])
  t.strictSame(parse([], { ALERT_STREAM_KAFKA_HOST: 'h:1' }).broker, ['h:1'])
  t.strictSame(parse([], { ALERT_STREAM_KAFKA_HOST: 'h:1', ALERT_STREAM_BROKER: 'b:1' }).broker, ['b:1'])
  t.strictSame(parse(['--topic', 'a', '--kafka-topics=b,c', '--topics', 'd']).topics, ['a', 'b', 'c', 'd'])
})

await t.test('the original\'s names of the common flags are aliases', async t => {
  const common = parseCommandLine({ mode: 'x', flags: flags({ ...kafkaFlags, ...registryFlags }) }, ['--kafka-host=k:1', '--schema-registry-address', 'http://r'], {}).config
  t.strictSame(common.broker, ['k:1'])
  t.equal(common.schemaRegistryUrl, 'http://r')
})

await t.test('a secret comes from its variables only, and a refusal does not repeat it', async t => {
  t.equal(parse([], { ALERT_STREAM_PASSWORD: 'new', OLD_PASSWORD: 'old' }).password, 'new')
  t.equal(parse([], { OLD_PASSWORD: 'old' }).password, 'old')
  for (const argv of [['--password', 'hunter2'], ['--password=hunter2']]) {
    const error = complaint(argv)
    t.match(error, { code: 'USAGE_BAD_VALUE', hint: 'Set ALERT_STREAM_PASSWORD instead.' })
    t.notMatch(formatError(error), /hunter2/)
  }
  t.equal(parseCommandLine({ mode: 'x', flags: kafkaFlags }, [], { ALERTDB_KAFKA_PASSWORD: 'p' }).config.kafkaPassword, 'p')
})

await t.test('an unknown flag is refused, with the nearest known one', async t => {
  t.match(complaint(['--src-topik', 'a']), { code: 'USAGE_UNKNOWN_FLAG', message: '--src-topik is not a flag of try: did you mean --src-topic?' })
  t.match(complaint(['--kafka-hosts', 'a']), { message: /did you mean --kafka-host\?/ })
  t.match(complaint(['--zzzzzzzzzz']), { code: 'USAGE_UNKNOWN_FLAG', message: '--zzzzzzzzzz is not a flag of try' })
  t.match(complaint(['-x']), { code: 'USAGE_UNKNOWN_FLAG' })
  t.match(complaint(['--no-src-topic']), { code: 'USAGE_UNKNOWN_FLAG' }, 'only a switch can be taken back')
})

await t.test('a bad value is refused by the name under which it was given, with what would be right', async t => {
  const cases: Array<[string[], Environment, RegExp]> = [
    [['--count', 'many'], {}, /^--count is 'many', but must be a whole number from 1 to 10$/],
    [['--count', '2.5'], {}, /a whole number from 1 to 10/],
    [['--count', '0'], {}, /from 1 to 10/],
    [['--count='], {}, /a whole number/],
    [['--least', '-2'], {}, /a whole number of at least -1/],
    [['--repeat-interval', '1e9'], {}, /a number of at most 1000000/],
    [['--repeat-interval', 'Infinity'], {}, /a number/],
    [['--format', 'xml'], {}, /one of text, json/],
    [['--burst=maybe'], {}, /on or off/],
    [['--no-burst=true'], {}, /^--no-burst takes no value$/],
    [['--broker', ' , '], {}, /a list with at least one item/],
    [['--src-topic='], {}, /a text that is not empty/],
    [['--name', 'UPPER'], {}, /in lower case/],
    [[], { ALERT_STREAM_COUNT: 'x' }, /^ALERT_STREAM_COUNT is 'x'/],
    [[], { ALERT_STREAM_KAFKA_HOST: ',' }, /^ALERT_STREAM_KAFKA_HOST is ','/]
  ]
  for (const [argv, environment, message] of cases) {
    t.match(complaint(argv, environment), { code: 'USAGE_BAD_VALUE', message, where: 'try' }, `${argv.join(' ')} ${JSON.stringify(environment)}`)
  }
  t.equal(parse(['--prefix=']).prefix, '', 'a text whose default is empty may be empty')
})

await t.test('arguments are counted, and what follows -- is none of the flags', async t => {
  t.strictSame(parseCommandLine(command, ['visit.avro', '--burst'], {}).positionals, ['visit.avro'])
  t.strictSame(parseCommandLine(command, ['--', '--burst'], {}).positionals, ['--burst'])
  t.match(complaint(['a', 'b']), { code: 'USAGE_EXTRA_ARGUMENT', message: /'b'/ })
  t.match(complaint(['--burst', 'true', 'b']), { code: 'USAGE_EXTRA_ARGUMENT' }, 'a switch takes no second word')
  const required = { ...command, positionals: [{ name: 'FILE', description: 'a file' }] }
  t.throws(() => parseCommandLine(required, [], {}), { code: 'USAGE_MISSING', message: /FILE is missing/ })
})

await t.test('with --help nothing else is checked', async t => {
  t.equal(parseCommandLine({ ...command, positionals: [{ name: 'FILE', description: 'a file' }] }, ['--help', '--count', 'x'], {}).help, true)
  t.equal(parseCommandLine(command, ['-h'], { ALERT_STREAM_COUNT: 'x' }).help, true)
})

await t.test('names: camel case for the program, ALERT_STREAM_ for the environment', async t => {
  t.equal(camel('tls-server-ca-crt-location'), 'tlsServerCaCrtLocation')
  t.equal(environmentName('dst-topic-retention-ms'), 'ALERT_STREAM_DST_TOPIC_RETENTION_MS')
})

await t.test('the help text shows every flag with what it takes, its default, its aliases and the example', async t => {
  const all = flags({ ...table, ...adminFlags, ...topicFlags('dst-topic', 'the topic', 8, -1, -1) })
  const text = modeHelp({ mode: 'try', flags: all, positionals: [{ name: 'FILE', description: 'a file' }], summary: 'Tries.', about: 'Long. '.repeat(40), examples: ['alert-stream try x'] })
  const flat = text.replace(/\s+/g, ' ')
  for (const [name, spec] of Object.entries(all)) {
    t.ok(flat.includes('secret' in spec ? environmentName(name) : `--${name}`), name)
    t.ok(flat.includes(spec.description), spec.description)
  }
  t.match(text, /--repeat-interval X\n {8}A number\. \(default 37\)/)
  t.match(text, /--format text\|json\n/)
  t.match(text, /--broker A,B\n {8}A list\. \(default localhost:9092; also --kafka-host\)/)
  t.match(text, /ALERT_STREAM_PASSWORD \(environment only\)\n {8}A secret\. \(also OLD_PASSWORD\)/)
  t.notMatch(text, /--password/)
  t.match(text, /Usage: alert-stream try FILE \[flags\]/)
  t.ok(text.split('\n').every(line => line.length <= 100), 'lines fit a terminal')
})

await t.test('a list has each item once, however often it is given', async t => {
  t.strictSame(parse(['--topic', 'a,b,a', '--topic', 'b,c']).topics, ['a', 'b', 'c'])
})

await t.test('the address of a schema registry is a web URL without a password, and a refusal does not repeat that', async t => {
  const registry = { mode: 'm', flags: registryFlags }
  for (const url of ['http://registry:8081', 'https://[::1]/apis/ccompat/v7/']) t.equal(parseCommandLine(registry, ['--schema-registry-url', url], {}).config.schemaRegistryUrl, url)
  for (const [url, expected] of [['registry:8081', 'an http:// or https:// URL'], ['nothing', 'an http:// or https:// URL'], ['http://user:hunter2@registry', 'a URL without user and password']] as const) {
    const error = complaint(['--schema-registry-url', url], {}, registry)
    t.match(error, { code: 'USAGE_BAD_VALUE' })
    t.ok(error.message.endsWith(`must be ${expected}`), error.message)
    t.notMatch(formatError(error), /hunter2/)
  }
})
