// print-stream: one line per alert of a topic: time, id, history length, size; of a dead letter, in a topic or a store, where it came from and
// why it is there. Records that are neither are shown as such, with the reason.
import { kafkaFlags, registryFlags } from '../config/common.ts'
import { usageErrors } from '../config/errors.ts'
import { flags, type ConfigOf } from '../config/flags.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import { letterPrefix } from '../dead-letters/dead-letter-json.ts'
import { createGraph, silent, type Sink } from '../pipeline/index.ts'
import { readTopic } from '../sources/kafka-topic.ts'
import { objectSource } from '../sources/object-store.ts'
import { openStore } from '../stores/index.ts'
import { mode, type Host } from '../program/mode.ts'
import { runToEnd } from '../program/run-graph.ts'
import { connectionOf, describedConnection } from '../program/kafka-from-flags.ts'
import { googleOptions } from '../program/stores-from-flags.ts'
import { lineJson, lineReader, lineText, type Line } from '../print/record-lines.ts'

const defaultTopic = 'alerts-static'

const printFlags = flags({
  ...kafkaFlags,
  topic: { type: 'text', aliases: ['src-topic'], placeholder: 'TOPIC', description: `The topic to print: alerts, or dead letters with their reasons. Default ${defaultTopic}.` },
  'dead-letter-store': { type: 'text', placeholder: 'URL', description: 'Print the dead letters of a store instead: file:///dir or gs://bucket[/prefix].' },
  reason: { type: 'list', placeholder: 'CODE,...', description: 'Print dead letters with these reasons only.' },
  from: { type: 'choice', choices: ['earliest', 'latest'], default: 'earliest', description: 'earliest: all that the topic holds, then exit unless --follow; latest: what comes from now on.' },
  follow: { type: 'switch', description: 'Go on with what comes after the present end.' },
  count: { type: 'integer', min: 1, placeholder: 'N', description: 'Exit after so many lines.' },
  json: { type: 'switch', description: 'One JSON object per line; of a dead letter with all its dead-letter-* headers.' },
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

/** Error: USAGE_BAD_VALUE for flags of a topic beside a store. */
function checkStore ({ deadLetterStore, topic, follow, from }: Config): void {
  if (deadLetterStore === undefined) return
  const given = [...topic === undefined ? [] : [`--topic ${topic}`], ...follow ? ['--follow'] : [], ...from === 'latest' ? ['--from latest'] : []]
  if (given.length > 0) throw usageErrors.USAGE_BAD_VALUE(`${given.join(' and ')} and --dead-letter-store exclude each other`, { where: 'print-stream', hint: 'Print a topic or a store; one of them may come from the environment or the configuration file.' })
}

function declare (config: Config, connection: KafkaConnection | undefined, host: Pick<Host, 'print' | 'requestStop' | 'log' | 'environment'>) {
  const graph = createGraph('print-stream')
  const { ofRecord, ofObject } = lineReader(config.schemaRegistryUrl, host.log)
  const decode = { kind: 'avro', detail: `schemas of ${config.schemaRegistryUrl}` }
  const url = config.deadLetterStore
  const lines = url === undefined
    ? graph.source('topic', readTopic({
      connection: connection!, topic: config.topic ?? defaultTopic, from: config.from, to: config.follow || config.from === 'latest' ? 'follow' : 'end'
    }), { records: 100 }).step('decode', ofRecord, decode)
    : graph.source('store', objectSource({ url, open: async log => openStore(url, { ...googleOptions({}, host.environment), access: 'read', log }), prefix: letterPrefix }), { records: 100 }).step('decode', ofObject, decode)
  const { reason } = config
  const chosen = reason === undefined ? lines : lines.filter('reason', ({ letter }) => letter !== undefined && reason.includes(letter.reason), { kind: 'filter', detail: reason.join(', ') })
  chosen.to('stdout', printer(config, host))
  return graph.build()
}

export default mode({
  mode: 'print-stream',
  about: 'Time is Kafka\'s time of the record (UTC); history counts prior sources, forced sources and limits; size is that of the framed message. Dead letters are known by their headers, and are printed with where they came from, the node that gave up on them, reason, message, the alert\'s id where it can be read, size and how often they were sent back; for them the registry need not answer. In a store, time is that of the letter\'s record.',
  examples: [
    'alert-stream print-stream --topic alerts-simulated --from latest', 'alert-stream print-stream --json --count 10',
    'alert-stream print-stream --topic alerts-dead-letters --reason UNKNOWN_SCHEMA', 'alert-stream print-stream --dead-letter-store file:///var/dead-letters --json'
  ],
  flags: printFlags,
  describe: config => {
    checkStore(config)
    return declare(config, describedConnection(config), { print: async () => {}, requestStop: () => {}, log: silent, environment: {} }).describe()
  },
  async run (config, _positionals, host) {
    checkStore(config)
    const connection = config.deadLetterStore === undefined ? await connectionOf(config, 'alert-stream-print', host.log) : undefined
    await runToEnd(declare(config, connection, host), host)
  }
})
