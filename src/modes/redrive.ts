// redrive: sends dead letters back to the topics that they came from, once what killed them is mended. A letter is done with only when its
// record is acknowledged again; what cannot be sent, or is not asked for, stays for another run. The letters themselves are never removed.
import { kafkaFlags, defaultDeadLetterTopic } from '../config/common.ts'
import { usageErrors } from '../config/errors.ts'
import { flags, type ConfigOf } from '../config/flags.ts'
import type { Environment } from '../config/parse.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import type { Letter } from '../dead-letters/dead-letter.ts'
import { createGraph, patientRetry, type BatchSink, type DeadLetterSink, type Graph, type NodeContext } from '../pipeline/index.ts'
import { kafkaSink } from '../sinks/kafka.ts'
import { letterStore } from '../dead-letters/store-source.ts'
import { letterTopic } from '../dead-letters/topic-source.ts'
import type { FoundLetter, LetterSource } from '../dead-letters/dead-letter-source.ts'
import { openStore } from '../stores/index.ts'
import { mode, type Host } from '../program/mode.ts'
import { runToEnd } from '../program/run-graph.ts'
import { connectionOf, describedConnection } from '../program/kafka-from-flags.ts'
import { googleOptions } from '../program/stores-from-flags.ts'
import { redriveErrors, restorer, type Restored } from '../dead-letters/restore.ts'
import { Tally } from '../dead-letters/redrive-stats.ts'

const redriveFlags = flags({
  ...kafkaFlags,
  // By the ingester's name for it: its environment and configuration file hold for both, while its --topic must not be taken for this one.
  'dead-letter-topic': { type: 'text', placeholder: 'TOPIC', description: `Topic of dead letters to send back. Default ${defaultDeadLetterTopic}, unless --dead-letter-store is given.` },
  'dead-letter-store': { type: 'text', placeholder: 'URL', description: 'Take the letters from a store instead: file:///dir or gs://bucket[/prefix].' },
  group: { type: 'text', default: 'alert-stream-redrive', description: 'Name under which is kept what was done: consumer group of the topic, or folder of marks in the store.' },
  'from-beginning': {
    type: 'switch',
    description: 'Begin with the first letter where the group has committed nothing; an error otherwise. Committed offsets expire, after 7 days by default: what was sent before would be sent again.'
  },
  'dst-topic': { type: 'text', placeholder: 'TOPIC', description: 'Send all of them here, instead of each to the topic that it came from.' },
  reason: { type: 'list', placeholder: 'CODE,...', description: 'Only letters with these reasons.' },
  node: { type: 'list', placeholder: 'NODE,...', description: 'Only letters of these nodes.' },
  'origin-topic': { type: 'list', placeholder: 'TOPIC,...', description: 'Only letters that came from these topics.' },
  limit: { type: 'integer', min: 1, description: 'Stop after so many.' },
  'max-redrives': { type: 'integer', min: 1, default: 3, description: 'Leave records that were sent back so many times already.' },
  'dry-run': { type: 'switch', description: 'Print what would be sent; send and note nothing.' },
  discard: { type: 'switch', description: 'Send nothing, but take these letters for done with: no later run offers them. Needs --reason, --node or --origin-topic.' }
})
type Config = ConfigOf<typeof redriveFlags>

/** What is in hand is sent again after a kill. */
const CREDITS = 100

/** Error: USAGE_BAD_VALUE for flags that contradict each other. */
function check (config: Config): void {
  const clash = (a: string, b: string): never => { throw usageErrors.USAGE_BAD_VALUE(`${a} and ${b} exclude each other`, { where: 'redrive', hint: 'Give one of them; the other may come from the environment or the configuration file.' }) }
  if (config.deadLetterStore !== undefined && config.deadLetterTopic !== undefined) clash('--dead-letter-topic', '--dead-letter-store')
  if (config.deadLetterStore !== undefined && config.fromBeginning) clash('--from-beginning', '--dead-letter-store')
  if (config.dstTopic !== undefined && config.deadLetterStore === undefined && config.dstTopic === (config.deadLetterTopic ?? defaultDeadLetterTopic)) {
    throw usageErrors.USAGE_BAD_VALUE(`--dst-topic ${config.dstTopic} is the topic of dead letters itself: what is sent there is no letter any more`, { where: 'redrive' })
  }
  if (config.discard && config.dstTopic !== undefined) clash('--discard', '--dst-topic')
  if (config.discard && config.reason === undefined && config.node === undefined && config.originTopic === undefined) {
    throw usageErrors.USAGE_MISSING('--discard needs to be told which letters: --reason, --node or --origin-topic', { where: 'redrive' })
  }
}

function lettersOf (config: Config, connection: KafkaConnection, environment: Environment): LetterSource {
  const { deadLetterStore: url, group, fromBeginning, dryRun: lookOnly } = config
  if (url === undefined) return letterTopic({ connection, topic: config.deadLetterTopic ?? defaultDeadLetterTopic, group, from: fromBeginning ? 'earliest' : 'committed', lookOnly })
  return letterStore({ url, open: async log => openStore(url, { ...googleOptions({}, environment), access: lookOnly ? 'read' : 'write', reads: patientRetry, log }), group, lookOnly })
}

/** A letter that a node gives up on stays where it is. */
function leaving (letters: LetterSource, tally: Tally): DeadLetterSink {
  return {
    kind: 'left where they are',
    async write ({ record, error }) {
      letters.leave(record.value as FoundLetter)
      tally.leave(error)
    }
  }
}

function sending (connection: KafkaConnection, config: Config): BatchSink<Restored> {
  const sink = kafkaSink({ connection, idempotent: true })
  return {
    kind: 'kafka',
    detail: config.dstTopic ?? 'the topics they came from',
    open: async (context: NodeContext) => sink.open?.(context),
    writeBatch: async (values, context) => sink.writeBatch(values.map(({ record }) => record), context),
    close: async () => sink.close?.()
  }
}

function letterText ({ position, node, reason, message, value }: Letter): string {
  return `${position}  ${node}  ${reason}: ${message.replace(/\s*\n\s*/g, ' ')}  ${value?.length ?? 0} bytes`
}

export function declare (config: Config, connection: KafkaConnection, host: Pick<Host, 'print' | 'requestStop' | 'environment'>): { readonly graph: Graph, readonly letters: LetterSource, readonly tally: Tally } {
  const letters = lettersOf(config, connection, host.environment)
  const tally = new Tally()
  const { reason, node, originTopic, limit } = config
  const filters = [reason, node, originTopic].filter(list => list !== undefined)
  let taken = 0
  const chosen = (found: FoundLetter): boolean => {
    const { letter } = found
    const asked = filters.length === 0 || (letter !== undefined &&
      (reason?.includes(letter.reason) ?? true) && (node?.includes(letter.node) ?? true) && (originTopic?.includes(letter.origin?.topic ?? '') ?? true))
    if (!asked) {
      tally.notChosen++
      letters.leave(found)
    }
    return asked
  }
  const beyond = (found: FoundLetter): boolean => {
    if (limit === undefined || taken < limit) return false
    letters.leave(found)
    return true
  }
  const take = (): void => { if (++taken === limit) host.requestStop() }
  const builder = createGraph('redrive', { deadLetters: leaving(letters, tally), deadLettersName: 'left', retry: patientRetry })
  const asked = builder.source('letters', letters, { records: CREDITS }).filter('choose', chosen, { kind: 'filter', detail: filters.flat().join(', ') || 'every letter' })
  const detail = limit === undefined ? 'all of them' : `the first ${limit}`
  if (config.discard) {
    const discarded = asked.filter('limit', found => {
      if (beyond(found)) return false
      take()
      return true
    }, { kind: 'filter', detail })
    if (config.dryRun) discarded.to('print', { kind: 'stdout', write: async found => { await host.print(`would discard ${found.position}: ${letterText(found.letter!)}\n`) } })
    else discarded.to('discard', { kind: 'done with', write: async () => {} })
  } else {
    const restore = restorer({ connection, destination: config.dstTopic, maxRedrives: config.maxRedrives })
    // One after the other: those beyond the limit are not looked at.
    const restored = asked.split('restore', async (found): Promise<readonly Restored[]> => {
      if (beyond(found)) return []
      const record = await restore(found)
      take()
      return [record]
    }, { kind: 'record', detail })
    if (config.dryRun) restored.to('print', { kind: 'stdout', write: async ({ found, letter, record }) => { await host.print(`would send ${found.position} to ${record.topic}: ${letterText(letter)}\n`) } })
    else restored.toBatches('send', sending(connection, config), { count: 50, bytes: 8 * 1024 * 1024, ms: 50 })
  }
  return { graph: builder.build(), letters, tally }
}

export default mode({
  mode: 'redrive',
  about: 'Each record goes back as it was, with the header dead-letter-redriven that counts how often; a second run sends only what was not sent yet. Mind who reads the topic: a record that goes back into alerts-simulated is shown to every community broker again. To have only the archive see it, send to a topic of its own with --dst-topic alerts-redriven and let the ingester read both: ingest --topic alerts-simulated,alerts-redriven. Letters that are left (their value is gone, they came from a file, they died too often) and those that the flags do not ask for stay for another run.',
  examples: [
    'alert-stream redrive --dry-run', 'alert-stream redrive --from-beginning --reason UNKNOWN_SCHEMA --dst-topic alerts-redriven',
    'alert-stream redrive --dead-letter-store file:///var/dead-letters', 'alert-stream redrive --discard --reason FRAME_BAD_MAGIC'
  ],
  flags: redriveFlags,
  describe: config => {
    check(config)
    return declare(config, describedConnection(config), { print: async () => {}, requestStop: () => {}, environment: {} }).graph.describe()
  },
  async run (config, _positionals, host) {
    check(config)
    const { graph, letters, tally } = declare(config, await connectionOf(config, 'alert-stream-redrive', host.log), host)
    const run = await runToEnd(graph, host)
    const done = run.meters().find(({ node }) => ['send', 'discard', 'print'].includes(node))?.out ?? 0
    const did = config.discard ? 'discarded' : 'sent'
    await host.print(tally.line(config.dryRun ? `${done} would be ${did}` : `${done} ${did}`, letters.unread))
    const where = letters.detail
    if (tally.refused.size > 0) throw redriveErrors.REDRIVE_REFUSED(`the brokers did not take ${[...tally.refused].map(([code, count]) => `${count} letters (${code})`).join(', ')}`, { where })
    if (letters.unread > 0) throw redriveErrors.REDRIVE_MARKS_FULL(`${letters.unread} letters were not looked at: too many before them were left to keep track of`, { where })
  }
})
