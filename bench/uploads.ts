// Measures writes without compression: uploads to gs:// and s3:// by the lean client and by the SDKs, into a null store in another process
// that responds after 0, 50 and 200 ms. The limit of concurrent writes adapts, up to 128; rows with the SDK and 20 writes at once are the
// reference. The required rate is 270 alerts/s.
import { createArchive, openStore } from '../src/stores/index.ts'
import { WriteLimit } from '../src/sinks/write-limit.ts'
import { bench, type Bench, type Result, type Work } from './harness.ts'
import { MEAN_RATE, withNullStore } from './support.ts'

const SIZES = { alerts: { full: 6000, quick: 300 }, objects: { full: 100, quick: 20 } } as const

interface Setting {
  readonly service: 'gs' | 's3'
  readonly upload: 'lean' | 'sdk'
  readonly delayMs: number
  /** Fixed number of concurrent writes. Default: adaptive, up to 128. */
  readonly fixed?: number
}

const row = ({ service, upload, delayMs, fixed }: Setting) => async ({ sizes, warmUp, measure }: Bench<typeof SIZES>): Promise<Result> =>
  withNullStore(sizes.objects, async (url, alerts) => {
    const credentials = { accessKeyId: 'any', secretAccessKey: 'any' }
    const store = await openStore(`${service}://bucket`, { emulatorHost: url, s3: { endpoint: url, credentials }, upload })
    const archive = createArchive({ alerts: store, schemas: store, layout: 'v2' })
    const limit = new WriteLimit(fixed ?? 128)
    const run = fixed === undefined ? limit.run.bind(limit) : async (task: () => Promise<void>) => task()
    let id = 1_000_000
    const transfer = async (count: number): Promise<Work> => {
      let bytes = 0
      let left = count
      await Promise.all(Array.from({ length: fixed ?? 132 }, async () => {
        while (left-- > 0) {
          const { gz, checksums } = alerts[id % alerts.length]!
          await run(async () => { await archive.putAlert(String(id++), gz, checksums) })
          bytes += gz.length
        }
      }))
      return { alerts: count, bytes }
    }
    try {
      await warmUp(() => transfer(Math.min(1000, sizes.alerts)))
      const result = await measure(() => transfer(sizes.alerts))
      const writes = fixed ?? limit.current
      return { ...result, extra: { 'times 270/s': result.alerts / result.seconds / MEAN_RATE, 'limit of writes': writes } }
    } finally {
      await store.close()
    }
  }, delayMs)

const settings = (['gs', 's3'] as const).flatMap(service => [0, 50, 200].flatMap((delayMs): Setting[] => [
  { service, delayMs, upload: 'lean' },
  { service, delayMs, upload: 'sdk' },
  { service, delayMs, upload: 'sdk', fixed: 20 }
]))

await bench('uploads', SIZES, Object.fromEntries(settings.map(setting => {
  const { service, upload, delayMs, fixed } = setting
  return [`${service}, ${delayMs} ms per put, ${upload}${fixed === undefined ? '' : `, ${fixed} writes at once`}`, row(setting)]
})), { quick: ['gs, 0 ms per put, lean', 'gs, 0 ms per put, sdk', 's3, 0 ms per put, lean'] })
