// `npm run bench:budget [-- --write]` guards the CPU cost of the stages on the path of an alert. It measures each stage beside a
// calibration loop and compares the ratio with bench/budget.json. It measures CPU time, which depends less on other work of the machine
// than elapsed time. The lowest ratio of three tries counts: more than 10 % above the budget is a warning, more than 25 % a failure. Ratios
// depend on the processor, so on another processor than that of the file, both are warnings. --write replaces the file.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { crc32, deflateRawSync } from 'node:zlib'
import { resolver, surveyFillIns } from '../src/avro/index.ts'
import { frameHeaderLength, parseFrame, writeFrameHeader } from '../src/avro/wire-format.ts'
import { openCompressor } from '../src/compression/open-compressor.ts'
import { silent } from '../src/pipeline/index.ts'
import { checksumsOf, createArchive, inflate, openStore } from '../src/stores/index.ts'
import { log } from './harness.ts'
import { alertsOf, schemaVersion, withNullStore } from './support.ts'

const FILE = join(import.meta.dirname, 'budget.json')
const TRIES = 3
const WARN = 1.10
const FAIL = 1.25
/** Alerts of 82 KB per call of a stage. */
const ALERTS = 100
/** CPU time of a measurement, long enough for the resolution of the clock and for garbage collections. */
const MIN_CPU_MS = 400

interface Budget {
  readonly processor: string
  /** CPU time of a stage per alert, divided by the CPU time of one calibration loop. */
  readonly stages: Readonly<Record<string, number>>
}

/** Processes `ALERTS` alerts. */
type Stage = () => Promise<unknown> | void

const write = process.argv.includes('--write')

/** Name, family and model of the processor. Different models of one manufacturer can have the same name. */
function processorName (): string {
  const name = cpus()[0]?.model.trim() ?? 'unknown'
  if (!existsSync('/proc/cpuinfo')) return name
  const [, family, model] = /^cpu family\s*: (\d+)\nmodel\s*: (\d+)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8')) ?? []
  return family === undefined ? name : `${name}, family ${family}, model ${model}`
}

const processor = processorName()

/** CPU time of all threads of this process during `work`, in milliseconds. */
async function cpuMs (work: Stage): Promise<number> {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

const block = Buffer.from(Array.from({ length: 80_000 }, (_, index) => (index * index >> 7) ^ (index % 61)))

/** One calibration loop: a checksum, compression and a loop over the bytes in JavaScript, as the stages do. About 2 CPU-ms. */
function calibrate (): number {
  let sum = crc32(block) + deflateRawSync(block, { level: 1 }).length
  for (const byte of block) sum = (Math.imul(sum, 31) + byte) | 0
  return sum
}

/** Alternates between calls of the stage and calibration, so that both see the same state of the machine. */
async function ratioOf (stage: Stage): Promise<number> {
  const loops = 25
  let [calls, stageMs, calibrationMs] = [0, 0, 0]
  for (; stageMs < MIN_CPU_MS; calls++) {
    calibrationMs += await cpuMs(() => { for (let loop = 0; loop < loops; loop++) calibrate() })
    stageMs += await cpuMs(stage)
  }
  return stageMs / ALERTS / (calibrationMs / loops)
}

/** The lowest ratio of up to three tries, which stop within the limit of a warning. Without a budget, the highest of three tries. */
async function measure (stage: Stage, budget: number | undefined): Promise<number> {
  await stage()
  const ratios: number[] = []
  while (ratios.length < TRIES && !(budget !== undefined && ratios.some(ratio => ratio <= budget * WARN))) ratios.push(await ratioOf(stage))
  ratios.sort((a, b) => a - b)
  return budget === undefined ? ratios.at(-1)! : ratios[0]!
}

async function withStages<R> (work: (stages: Readonly<Record<string, Stage>>) => Promise<R>): Promise<R> {
  const [newest, old] = [await schemaVersion(), await schemaVersion('9.0')]
  const frames = alertsOf(newest, ALERTS).map(alert => newest.schema.encodeFramed(1, alert))
  const oldData = alertsOf(old, ALERTS).map(alert => old.schema.encode(alert))
  const resolve = resolver(old.schema, newest.schema, { fillIns: surveyFillIns })
  const compressor = openCompressor({ compressor: 'auto' }, 1, silent)
  const gzip = async (): Promise<Buffer[]> => Promise.all(frames.map(async frame => compressor.gzip(frame, gz => Buffer.from(gz))))
  const objects = await gzip()
  return withNullStore(1, async url => {
    const store = await openStore('gs://bucket', { emulatorHost: url })
    const archive = createArchive({ alerts: store, schemas: store, layout: 'v2' })
    const checksums = frames.map(checksumsOf)
    let id = 1_000_000
    try {
      return await work({
        're-encode 9.0 to 11.1': () => { for (const datum of oldData) writeFrameHeader(resolve(datum, frameHeaderLength), 1) },
        'check frame and datum, checksums': () => {
          for (const frame of frames) {
            newest.schema.checkDatum(parseFrame(frame).datum)
            checksumsOf(frame)
          }
        },
        [`gzip, ${compressor.name} ${compressor.level}`]: gzip,
        inflate: () => { for (const gz of objects) inflate(gz) },
        'upload to gs': async () => Promise.all(objects.map(async (gz, index) => archive.putAlert(String(id++), gz, checksums[index]!)))
      })
    } finally {
      await store.close()
    }
  })
}

const budget = JSON.parse(readFileSync(FILE, 'utf8')) as Budget
process.exitCode = await withStages(async stages => {
  const measured: Record<string, number> = {}
  const counts = { passed: 0, failed: 0, skipped: 0 }
  for (const [name, stage] of Object.entries(stages)) {
    const allowed = write ? undefined : budget.stages[name]
    const ratio = measured[name] = await measure(stage, allowed)
    const change = allowed === undefined ? '' : `, budget ${allowed}, ${((ratio / allowed - 1) * 100).toFixed(0)} %`
    log(`${name}: ${ratio.toPrecision(3)} calibration loops per alert${change}`)
    if (allowed === undefined) {
      counts.skipped++
      if (!write) log(`  skipped: ${FILE} has no budget for this stage`)
    } else if (ratio > allowed * FAIL && processor === budget.processor) {
      counts.failed++
      log('  failed: more than 25 % above the budget in three tries')
    } else {
      counts.passed++
      if (ratio > allowed * WARN) log(`  warning: more than 10 % above the budget, measured on ${budget.processor}`)
    }
  }
  if (write) {
    const rounded = Object.fromEntries(Object.entries(measured).map(([name, ratio]) => [name, Number(ratio.toPrecision(3))]))
    writeFileSync(FILE, JSON.stringify({ processor, stages: rounded } satisfies Budget, null, 2) + '\n')
  }
  process.stdout.write(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`)
  return counts.failed > 0 ? 1 : 0
})
