// Measures how create-stream re-encodes alerts (Avro datum -> frame) of the newest and of two older schemas. Reference: fastavro, which
// decodes and encodes the same data with the schema of the data. Both work in turns. The last columns are the medians of the turns: CPU-ms
// per alert of fastavro, and how many times our CPU time that is.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { resolver, surveyFillIns } from '../src/avro/index.ts'
import { frameHeaderLength, writeFrameHeader } from '../src/avro/wire-format.ts'
import { bench, usage, type Bench } from './harness.ts'
import { alertsOf, inFolder, python, schemaVersion, totalBytes } from './support.ts'

const SIZES = { alerts: { full: 3000, quick: 200 }, turns: { full: 7, quick: 3 } } as const

// Reads pairs of length and datum from a file. For each line of stdin, decodes and encodes all data, and prints the CPU time in ms.
const peer = `
import io, json, struct, sys, time, fastavro
schema = fastavro.parse_schema(json.load(open(sys.argv[1])))
data, blob, at = [], open(sys.argv[2], 'rb').read(), 0
while at < len(blob):
    (size,) = struct.unpack_from('>I', blob, at); data.append(blob[at + 4:at + 4 + size]); at += 4 + size
del blob
for _ in sys.stdin:
    c = time.process_time()
    for datum in data:
        out = io.BytesIO(); out.write(struct.pack('>bI', 0, 1))
        fastavro.schemaless_writer(out, schema, fastavro.schemaless_reader(io.BytesIO(datum), schema))
        assert out.tell() == 5 + len(datum)
    print((time.process_time() - c) * 1000, flush=True)
`

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!

const row = (from: string) => async ({ sizes, warmUp, measure }: Bench<typeof SIZES>) => inFolder(async folder => {
  const version = await schemaVersion(from)
  const data = alertsOf(version, sizes.alerts).map(alert => version.schema.encode(alert))
  const [schemaFile, dataFile] = [join(folder, 'schema.json'), join(folder, 'data.bin')]
  await writeFile(schemaFile, version.text)
  await writeFile(dataFile, Buffer.concat(data.flatMap(datum => {
    const size = Buffer.alloc(4)
    size.writeUInt32BE(datum.length)
    return [size, datum]
  })))
  const child = spawn(await python(), ['-c', peer, schemaFile, dataFile], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const fastavro = async (): Promise<number> => {
    child.stdin.write('\n')
    const { value, done } = await lines.next() as IteratorResult<string>
    if (done === true) throw new Error('fastavro failed')
    return Number(value) / data.length
  }
  const resolve = resolver(version.schema, (await schemaVersion('11.1')).schema, { fillIns: surveyFillIns })
  const ours = (): number => {
    const before = usage().cpuMs
    for (const datum of data) writeFrameHeader(resolve(datum, frameHeaderLength), 1)
    return (usage().cpuMs - before) / data.length
  }
  await warmUp(() => { for (let pass = 0; pass < 3; pass++) ours() })
  const [our, their]: [number[], number[]] = [[], []]
  const result = await measure(async () => {
    for (let turn = 0; turn < sizes.turns; turn++) {
      our.push(ours())
      their.push(await fastavro())
    }
    return { alerts: data.length * sizes.turns, bytes: totalBytes(data) * sizes.turns }
  })
  child.stdin.end()
  await once(child, 'exit')
  const ratios = their.map((cpuMs, turn) => cpuMs / our[turn]!)
  const [least, most] = [Math.min(...ratios), Math.max(...ratios)]
  const extra = { fastavro: median(their), ratio: median(their) / median(our), 'least ratio': least, 'greatest ratio': most }
  return { ...result, cpuMs: median(our) * result.alerts, extra }
})

await bench('encode', SIZES, { '11.1 to 11.1': row('11.1'), '9.0 to 11.1': row('9.0'), '7.4 to 11.1': row('7.4') })
