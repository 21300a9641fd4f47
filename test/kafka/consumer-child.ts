// A consumer to be killed: prints each value once it is done with it, slowly. Arguments: broker, topic, group.
import { kafkaGroupSource } from '../../src/sources/kafka-group.ts'
import { connect, contextOf } from './support.ts'

const [broker = '', topic = '', group = ''] = process.argv.slice(2)
const source = kafkaGroupSource({ connection: await connect(broker), topics: [topic], group, instanceId: 'child', commitInterval: { ms: 50 } })
const context = contextOf()
await source.open?.(context)
for await (const record of source.records(context)) {
  await new Promise(resolve => setTimeout(resolve, 5))
  // Written before it settles: what is committed was certainly seen by the test.
  await new Promise<void>(resolve => { process.stdout.write(`${record.value.value?.toString()}\n`, () => { resolve() }) })
  source.settled?.(record)
}
