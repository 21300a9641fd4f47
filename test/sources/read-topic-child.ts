// Reads a topic to its end, and prints the number of records, the bytes of their values, the omitted values, and its largest memory in MiB.
import { readFileSync } from 'node:fs'
import { readTopic } from '../../src/sources/kafka-topic.ts'
import { connect, contextOf } from '../kafka/support.ts'

const [broker, topic] = process.argv.slice(2) as [string, string]
const source = readTopic({ connection: await connect(broker), topic, omitsLarge: true })
const context = contextOf()
await source.open?.(context)
let records = 0
let bytes = 0
const omitted: unknown[] = []
for await (const { value } of source.records(context)) {
  records++
  bytes += value.value?.length ?? 0
  if (value.omitted !== undefined) omitted.push(value.omitted)
}
await source.close?.()
// Linux hands the maximum of `resourceUsage` down from the parent process, which held the record. VmHWM is that of this program alone.
const maxRssKib = Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1])
process.stdout.write(JSON.stringify({ records, bytes, omitted, maxRssMib: maxRssKib / 1024 }))
