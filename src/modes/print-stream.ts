// print-stream: prints one line per record of a topic, or per object of a dead-letter store. A record that is neither an alert nor a dead
// letter is printed together with the reason.
import { batchFlags, kafkaFlags, registryFlags, s3Flags } from '../config/common.ts'
import { usageErrors } from '../config/errors.ts'
import { flags, type ConfigOf } from '../config/flags.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import { deadLetterPrefix } from '../dead-letters/dead-letter-json.ts'
import { DeadLetterRepeats } from '../dead-letters/repeats.ts'
import { createGraph, silent, type Sink } from '../pipeline/index.ts'
import { readTopic } from '../sources/kafka-topic.ts'
import { objectSource } from '../sources/object-store.ts'
import { openStore } from '../stores/index.ts'
import { mode, type Host } from '../program/mode.ts'
import { runToEnd } from '../program/run-graph.ts'
import { batchOptions, connectionOf, describedConnection } from '../program/kafka-from-flags.ts'
import { bucketOptions } from '../program/stores-from-flags.ts'
import { lineJson, lineReader, lineText, type Line } from '../print/record-lines.ts'

const defaultTopic = 'alerts-static'

const printFlags = flags({
  ...kafkaFlags,
  topic: { type: 'text', aliases: ['src-topic'], placeholder: 'TOPIC', description: `Topic to print. Default: ${defaultTopic}.` },
  'dead-letter-store': {
    type: 'text', placeholder: 'URL', description: 'Store to print instead of a topic: file:///dir, s3://bucket or gs://bucket.'
  },
  ...s3Flags,
  reason: { type: 'list', placeholder: 'CODE,...', description: 'Reasons of the dead letters to print. Default: print all records.' },
  from: {
    type: 'choice', choices: ['earliest', 'latest'], default: 'earliest',
    description: 'Start position. earliest: print the whole topic, then exit unless --follow is given. latest: print only new records.'
  },
  follow: { type: 'switch', description: 'Continue with new records after the current end of the topic.' },
  count: { type: 'integer', min: 1, placeholder: 'N', description: 'Number of lines after which to exit. Default: no limit.' },
  json: { type: 'switch', description: 'Print one JSON object per line. The object of a dead letter includes all dead-letter-* headers.' },
  ...batchFlags,
  ...registryFlags
})
type Config = ConfigOf<typeof printFlags>

function printer (config: Config, host: Pick<Host, 'print' | 'requestStop'>): Sink<Line> {
  let printed = 0
  return {
    kind: 'stdout',
    detail: config.json ? 'JSON lines' : 'text',
    async write (line) {
      if (config.count !== undefined && printed >= config.count) return
      printed++
      await host.print(config.json ? lineJson(line) : lineText(line))
      if (printed === config.count) host.requestStop()
    }
  }
}

/** Error: USAGE_BAD_VALUE if flags for a topic are given together with a store. */
function checkFlags ({ deadLetterStore, topic, follow, from }: Config): void {
  if (deadLetterStore === undefined) return
  const given = [topic !== undefined && `--topic ${topic}`, follow && '--follow', from === 'latest' && '--from latest'].filter(Boolean)
  if (given.length === 0) return
  throw usageErrors.USAGE_BAD_VALUE(`${given.join(' and ')} and --dead-letter-store cannot be used together`, {
    where: 'print-stream', hint: 'Give either a topic or a store. Check the environment and the configuration file too.'
  })
}

type LocalHost = Pick<Host, 'print' | 'requestStop' | 'log' | 'environment'>

function declare (config: Config, connection: KafkaConnection | undefined, host: LocalHost) {
  const { deadLetterStore: url, reason } = config
  const graph = createGraph('print-stream')
  const { fromRecord, fromObject } = lineReader(config.schemaRegistryUrl, host.log)
  const decode = { kind: 'avro', detail: `schemas of ${config.schemaRegistryUrl}` }
  const to = config.follow || config.from === 'latest' ? 'follow' : 'end'
  const topicSource = () => readTopic({
    connection: connection!, topic: config.topic ?? defaultTopic, from: config.from, to, batches: batchOptions(config), omitsLarge: true
  })
  const storeSource = (url: string) => objectSource({
    url, open: async log => openStore(url, { ...bucketOptions(config, host.environment), access: 'read', log }), prefix: deadLetterPrefix
  })
  const lines = url === undefined
    ? graph.source('topic', topicSource(), { records: 100 }).step('decode', fromRecord, decode)
    : graph.source('store', storeSource(url), { records: 100 }).step('decode', fromObject, decode)
  const hasReason = ({ deadLetter }: Line): boolean => deadLetter !== undefined && reason?.includes(deadLetter.reason) === true
  const repeats = new DeadLetterRepeats()
  const isFirst = ({ deadLetter }: Line): boolean => deadLetter === undefined || !repeats.isRepeat(deadLetter)
  const first = lines.filter('first', isFirst, { kind: 'filter', detail: 'repeated dead letters are dropped' })
  const selected = reason === undefined ? first : first.filter('reason', hasReason, { kind: 'filter', detail: reason.join(', ') })
  selected.to('stdout', printer(config, host))
  return graph.build()
}

export default mode({
  mode: 'print-stream',
  about: 'The line of an alert shows the Kafka timestamp (UTC), the alert id, the history (number of prior sources, forced sources and ' +
    'limits) and the size of the framed message. Dead letters are recognised by their headers. Their lines show the timestamp of the ' +
    'record, origin, node, reason, message, alert id (if it can be read), size, and the number of redrives. Printing dead letters does ' +
    'not require the schema registry.',
  examples: [
    'alert-stream print-stream --topic alerts-simulated --from latest', 'alert-stream print-stream --json --count 10',
    'alert-stream print-stream --topic alerts-dead-letters --reason UNKNOWN_SCHEMA',
    'alert-stream print-stream --dead-letter-store file:///var/dead-letters --json'
  ],
  flags: printFlags,
  describe: config => {
    checkFlags(config)
    const host = { print: async () => {}, requestStop: () => {}, log: silent, environment: {} }
    return declare(config, describedConnection(config), host).describe()
  },
  async run (config, _positionals, host) {
    checkFlags(config)
    const connection = config.deadLetterStore === undefined ? await connectionOf(config, 'alert-stream-print', host.log) : undefined
    await runToEnd(declare(config, connection, host), host)
  }
})
