// Measures how create-stream re-encodes alerts (Avro datum -> value -> frame) of the newest and of two older schemas. Reference: fastavro.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { resolver, surveyFillIns } from '../src/avro/index.ts'
import { bench, type Bench } from './harness.ts'
import { alertsOf, inFolder, python, run, schemaVersion, totalBytes, type PeerResult } from './support.ts'

const SIZES = { alerts: { full: 3000, quick: 200 } } as const

const ours = (from: string) => async ({ sizes, warmUp, measure }: Bench<typeof SIZES>) => {
  const writer = (await schemaVersion(from)).schema
  const reader = (await schemaVersion('11.1')).schema
  const data = alertsOf(await schemaVersion(from), sizes.alerts).map(alert => writer.encode(alert))
  const resolve = resolver(writer, reader, { fillIns: surveyFillIns })
  const encodeAll = (some: readonly Buffer[]): number => some.reduce((sum, datum) => sum + reader.encodeFramed(1, resolve(datum)).length, 0)
  await warmUp(() => encodeAll(data.slice(0, 100)))
  return measure(() => ({ alerts: data.length, bytes: encodeAll(data) }))
}

// The reference program reads pairs of length and datum from a file, measures decoding and encoding, and prints one JSON object.
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
cpu, seconds = (time.process_time() - c) * 1000, time.perf_counter() - t
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({'alerts': len(data), 'bytes': n, 'cpuMs': cpu, 'seconds': seconds, 'peakBytes': peak}))
`

await bench('encode', SIZES, {
  '11.1 to 11.1': ours('11.1'),
  '9.0 to 11.1': ours('9.0'),
  '7.4 to 11.1': ours('7.4'),
  'reference: fastavro, 11.1 to 11.1': async ({ sizes }) => inFolder(async folder => {
    const version = await schemaVersion('11.1')
    const data = alertsOf(version, sizes.alerts).map(alert => version.schema.encode(alert))
    const [schemaFile, dataFile] = [join(folder, 'schema.json'), join(folder, 'data.bin')]
    await writeFile(schemaFile, version.text)
    await writeFile(dataFile, Buffer.concat(data.flatMap(datum => {
      const size = Buffer.alloc(4)
      size.writeUInt32BE(datum.length)
      return [size, datum]
    })))
    const result = JSON.parse(await run(await python(), ['-c', peer, schemaFile, dataFile])) as PeerResult
    return { ...result, extra: { 'bytes / our bytes': result.bytes / (totalBytes(data) + 5 * data.length) } }
  })
})
