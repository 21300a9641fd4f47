// Measures copying one visit from the static to the simulated topic on a real broker: as fast as possible (in whole record batches, and
// alert by alert where the numbers of partitions differ), with new ids and times, and in the bursts of DMTN-149. Throughput, CPU time and
// memory are those of the copying process. Reference: the loop of the survey's own simulator, in Python with confluent-kafka. The
// requirement is 10,000 alerts in 5 s: 1.3 Gbps, 164 MB/s.
import { setTimeout as sleep } from 'node:timers/promises'
import { bench, type Bench } from './harness.ts'
import { python, run, startMode, withLoadedStack, type PeerResult } from './support.ts'

const SIZES = { alerts: { full: 10_000, quick: 300 } } as const

const peer = `
import json, sys, time, resource
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
broker = sys.argv[1]
admin = AdminClient({'bootstrap.servers': broker})
for f in admin.create_topics([NewTopic('copy', 8, 1, config={'max.message.bytes': '16777216'})]).values(): f.result()
consumer = Consumer({
    'bootstrap.servers': broker, 'group.id': 'peer', 'enable.auto.commit': False, 'fetch.message.max.bytes': 8388608})
producer = Producer({
    'bootstrap.servers': broker, 'acks': 'all', 'linger.ms': 5, 'batch.size': 2000000, 'message.max.bytes': 4000000,
    'queue.buffering.max.kbytes': 262144})
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
cpu, seconds = (time.process_time() - c) * 1000, time.perf_counter() - t
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({'alerts': n, 'bytes': size, 'cpuMs': cpu, 'seconds': seconds, 'peakBytes': peak}))
`

interface Pass { readonly alerts: number, readonly seconds: number, readonly bytes: number, readonly lateSeconds?: number }

/** create-stream loads the static topic with this number of partitions. */
const STATIC_PARTITIONS = 4

const play = (partitions: number, ...flags: readonly string[]) => async ({ sizes, log, measure }: Bench<typeof SIZES>) =>
  withLoadedStack(sizes.alerts, log, async ({ broker, registry }) => {
    const player = await startMode(
      'play-stream', '--broker', broker, '--schema-registry-url', registry, '--repeat-interval', '3600',
      '--create-dst-topic', '--dst-topic-partitions', String(partitions), ...flags)
    try {
      let pass: Pass | undefined
      const result = await measure(async () => {
        while (pass === undefined) {
          await sleep(20)
          pass = (await player.status()).stats['lastPass'] as Pass | undefined
        }
        return { alerts: pass.alerts, bytes: pass.bytes }
      }, { pid: player.pid })
      const { seconds, bytes, lateSeconds } = pass as unknown as Pass
      const late = lateSeconds === undefined ? {} : { 'max s late': lateSeconds }
      // `seconds` is the duration of the pass, because the measured time includes the start of the process.
      return { ...result, seconds, extra: { Gbps: bytes * 8 / 1e9 / seconds, ...late } }
    } finally {
      await player.stop()
    }
  })

await bench('replay', SIZES, {
  'play-stream --profile fast': play(STATIC_PARTITIONS, '--profile', 'fast'),
  'play-stream --profile fast, other number of partitions': play(8, '--profile', 'fast'),
  'play-stream --profile fast, new ids and times': play(8, '--profile', 'fast', '--fresh-ids', '--fresh-times'),
  'play-stream --profile dmtn-149': play(8, '--profile', 'dmtn-149'),
  'reference: Python, confluent-kafka': async ({ sizes, log }) => withLoadedStack(sizes.alerts, log, async ({ broker }) => {
    const result = JSON.parse(await run(await python(), ['-c', peer, broker])) as PeerResult
    return { ...result, extra: { Gbps: result.bytes * 8 / 1e9 / result.seconds } }
  })
})
