// A slow group consumer that tests kill. Prints the value of each record before the record settles. Arguments: broker, topic, group.
import { kafkaGroupSource } from '../../src/sources/kafka-group.ts'
import { connect, contextOf } from './support.ts'

const [broker = '', topic = '', group = ''] = process.argv.slice(2)
const connection = await connect(broker)
const source = kafkaGroupSource({ connection, topics: [topic], group, instanceId: 'child', commitInterval: { ms: 50 } })
const context = contextOf()
await source.open?.(context)
for await (const record of source.records(context)) {
  await new Promise(resolve => setTimeout(resolve, 5))
  // Write the value before the record settles, so that the test has seen every committed record.
  await new Promise<void>(resolve => { process.stdout.write(`${record.value.value?.toString()}\n`, () => { resolve() }) })
  source.settled?.(record)
}
