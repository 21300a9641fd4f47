// The simulator's copy of one visit from the static into the simulated topic, as fast as it goes, on a real broker; the same with new ids and
// times, and in the bursts of DMTN-149; beside it the original's way in Python (confluent-kafka). The design asks for 10,000 alerts in 5 s: 1.3 Gbps, 164 MB/s. Figures are the copying process's own.
import { bench, type Bench } from './harness.ts'
import { python, run, startMode, withLoadedStack } from './support.ts'
import { setTimeout as sleep } from 'node:timers/promises'

const sizes_ = { alerts: { full: 10_000, quick: 300 } } as const

const peer = `
import json, sys, time, resource
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
broker = sys.argv[1]
admin = AdminClient({'bootstrap.servers': broker})
for f in admin.create_topics([NewTopic('copy', 8, 1, config={'max.message.bytes': '16777216'})]).values(): f.result()
consumer = Consumer({'bootstrap.servers': broker, 'group.id': 'peer', 'enable.auto.commit': False, 'fetch.message.max.bytes': 8388608})
producer = Producer({'bootstrap.servers': broker, 'acks': 'all', 'linger.ms': 5, 'batch.size': 2000000, 'message.max.bytes': 4000000, 'queue.buffering.max.kbytes': 262144})
parts = [TopicPartition('alerts-static', p, 0) for p in admin.list_topics('alerts-static').topics['alerts-static'].partitions]
left = sum(consumer.get_watermark_offsets(p)[1] for p in parts)
consumer.assign(parts)
c, t, n, size = time.process_time(), time.perf_counter(), 0, 0
while n < left:
    for m in consumer.consume(500, 1):
        while True:
            try: producer.produce('copy', m.value(), m.key(), headers=m.headers()); break
            except BufferError: producer.poll(0.1)
        n += 1; size += len(m.value())
    producer.poll(0)
producer.flush()
print(json.dumps({'alerts': n, 'cpuMs': (time.process_time() - c) * 1000, 'seconds': time.perf_counter() - t, 'bytes': size, 'peakBytes': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
`

interface Pass { readonly alerts: number, readonly seconds: number, readonly bytes: number, readonly lateSeconds?: number }

const play = (...flags: readonly string[]) => async ({ sizes, say, measure }: Bench<typeof sizes_>) => withLoadedStack(sizes.alerts, say, async ({ broker, registry }) => {
  const player = await startMode(
    'play-stream', '--broker', broker, '--schema-registry-url', registry, '--repeat-interval', '3600', '--create-dst-topic', '--dst-topic-partitions', '8', ...flags)
  try {
    let pass: Pass | undefined
    const result = await measure(async () => {
      while (pass === undefined) {
        await sleep(20)
        pass = (await player.status()).facts['lastPass'] as Pass | undefined
      }
      return { alerts: pass.alerts, bytes: pass.bytes }
    }, { pid: player.pid })
    const { seconds, bytes, lateSeconds } = pass as unknown as Pass
    // The pass's own clock: the process was starting when ours began.
    return { ...result, seconds, figures: { Gbps: bytes * 8 / 1e9 / seconds, ...(lateSeconds === undefined ? {} : { 's late at most': lateSeconds }) } }
  } finally {
    await player.stop()
  }
})

await bench('replay', sizes_, {
  'play-stream --profile fast': play('--profile', 'fast'),
  'play-stream --profile fast, new ids and times': play('--profile', 'fast', '--fresh-ids', '--fresh-times'),
  'play-stream --profile dmtn-149': play('--profile', 'dmtn-149'),
  'peer: Python, confluent-kafka': async ({ sizes, say }) => withLoadedStack(sizes.alerts, say, async ({ broker }) => {
    const answer = JSON.parse(await run(await python(), ['-c', peer, broker])) as { alerts: number, cpuMs: number, seconds: number, bytes: number, peakBytes: number }
    return { ...answer, figures: { Gbps: answer.bytes * 8 / 1e9 / answer.seconds } }
  })
})
