// Measures copying one visit from the static to the simulated topic on a real broker: as fast as possible (in whole record batches, and
// alert by alert where the numbers of partitions differ), with new ids and times, and in the bursts of DMTN-149. Throughput, CPU time and
// memory are those of the copying process. The requirement is 10,000 alerts in 5 s: 1.3 Gbps, 164 MB/s. bench/peers.ts compares the replay
// with other programs.
import { setTimeout as sleep } from 'node:timers/promises'
import { bench, type Bench } from './harness.ts'
import { startMode, withLoadedStack } from './support.ts'

const SIZES = { alerts: { full: 10_000, quick: 300 } } as const

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
  'play-stream --profile dmtn-149': play(8, '--profile', 'dmtn-149')
}, { quick: ['play-stream --profile fast, new ids and times'] })
