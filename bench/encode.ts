// Re-encoding, as create-stream does it: Avro datum -> value -> frame, within a schema and from an older one; and fastavro doing the same.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { resolver, surveyFillIns } from '../src/avro/index.ts'
import { bench, type Bench } from './harness.ts'
import { alertsOf, inFolder, python, run, schemaVersion, totalBytes } from './support.ts'

const sizes_ = { alerts: { full: 3000, quick: 200 } } as const

const ours = (from: string) => async ({ sizes, warmUp, measure }: Bench<typeof sizes_>) => {
  const writer = (await schemaVersion(from)).schema
  const reader = (await schemaVersion('11.1')).schema
  const data = alertsOf(await schemaVersion(from), sizes.alerts).map(alert => writer.encode(alert))
  const resolve = resolver(writer, reader, { fillIns: surveyFillIns })
  const work = (some: readonly Buffer[]): number => some.reduce((sum, datum) => sum + reader.encodeFramed(1, resolve(datum)).length, 0)
  await warmUp(() => work(data.slice(0, 100)))
  return measure(() => ({ alerts: data.length, bytes: work(data) }))
}

// Reads `length data` pairs, then times decode and encode alone; prints CPU seconds and wall seconds.
const peer = `
import io, json, struct, sys, time, resource, fastavro
schema = fastavro.parse_schema(json.load(open(sys.argv[1])))
data, blob, at = [], open(sys.argv[2], 'rb').read(), 0
while at < len(blob):
    (size,) = struct.unpack_from('>I', blob, at); data.append(blob[at + 4:at + 4 + size]); at += 4 + size
del blob
c, t, n = time.process_time(), time.perf_counter(), 0
for datum in data:
    out = io.BytesIO(); out.write(struct.pack('>bI', 0, 1))
    fastavro.schemaless_writer(out, schema, fastavro.schemaless_reader(io.BytesIO(datum), schema)); n += out.tell()
print(json.dumps({'cpuMs': (time.process_time() - c) * 1000, 'seconds': time.perf_counter() - t, 'bytes': n, 'peakBytes': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
`

await bench('encode', sizes_, {
  '11.1 to 11.1': ours('11.1'),
  '9.0 to 11.1': ours('9.0'),
  '7.4 to 11.1': ours('7.4'),
  'peer: fastavro, 11.1 to 11.1': async ({ sizes }) => inFolder(async folder => {
    const version = await schemaVersion('11.1')
    const data = alertsOf(version, sizes.alerts).map(alert => version.schema.encode(alert))
    await writeFile(join(folder, 'schema.json'), version.text)
    await writeFile(join(folder, 'data.bin'), Buffer.concat(data.flatMap(datum => {
      const size = Buffer.alloc(4)
      size.writeUInt32BE(datum.length)
      return [size, datum]
    })))
    const answer = JSON.parse(await run(await python(), ['-c', peer, join(folder, 'schema.json'), join(folder, 'data.bin')])) as { cpuMs: number, seconds: number, bytes: number, peakBytes: number }
    return { alerts: sizes.alerts, ...answer, figures: { 'of our bytes': answer.bytes / (totalBytes(data) + 5 * data.length) } }
  })
})
