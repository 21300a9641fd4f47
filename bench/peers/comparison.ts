// Runs subjects in turn, A B A B, so that all of them see the same states of the machine. The first subject is the reference of the
// ratios: of each round, the subject's value divided by the reference's. A row holds the medians over the rounds, and the median, lowest
// and highest ratio.
import { loadavg } from 'node:os'
import { messageOf } from '../../src/pipeline/index.ts'
import type { Result } from '../harness.ts'

/** Result of one round. */
export type Sample = Result

export interface Subject {
  readonly name: string
  /** Prepares the subject, outside of the measurement. A rejection skips the row and is its reason. */
  prepare? (): Promise<void>
  run (): Promise<Sample>
}

export interface Spread { readonly median: number, readonly min: number, readonly max: number }

/** Ratios to the reference: of CPU time per alert and of alerts per second. */
interface Ratios { readonly cpu: Spread, readonly rate: Spread }

export interface Measured {
  readonly rounds: readonly Sample[]
  /** Medians of the rounds. */
  readonly alertsPerSecond: number
  readonly bytesPerSecond: number
  readonly cpuMsPerAlert: number
  readonly peakBytes: number
  readonly extra: Readonly<Record<string, number | string>>
  /** Undefined for the reference, and if the reference was skipped. */
  readonly ratios?: Ratios
  /** Lowest and highest 1-minute load average before a round. */
  readonly load: readonly [number, number]
}

export type Row = { readonly comparison: string, readonly subject: string } &
  (Measured | { readonly skipped: string } | { readonly failed: string })

interface ComparisonOptions {
  readonly rounds: number
  readonly log: (line: string) => void
  /** Called with each row after its last round. */
  readonly onRow: (row: Row) => void
}

/** A subject that fails once is not run again. */
export async function compare (comparison: string, subjects: readonly Subject[], { rounds, log, onRow }: ComparisonOptions): Promise<void> {
  const samples = new Map<Subject, Sample[]>()
  const loads = new Map<Subject, number[]>()
  for (const subject of subjects) {
    try {
      await subject.prepare?.()
      samples.set(subject, [])
      loads.set(subject, [])
    } catch (error) {
      onRow({ comparison, subject: subject.name, skipped: messageOf(error) })
    }
  }
  for (let round = 1; round <= rounds; round++) {
    for (const [subject, taken] of [...samples]) {
      const name = { comparison, subject: subject.name }
      loads.get(subject)!.push(loadavg()[0]!)
      try {
        taken.push(await subject.run())
      } catch (error) {
        samples.delete(subject)
        onRow({ ...name, failed: messageOf(error) })
        continue
      }
      const { alerts, seconds, cpuMs } = taken.at(-1)!
      const figures = `${(alerts / seconds).toFixed(0)} alerts/s, ${(cpuMs / alerts).toFixed(3)} CPU-ms`
      log(`${comparison}: ${subject.name}, round ${round} of ${rounds}: ${figures}`)
      if (round < rounds) continue
      const reference = subject === subjects[0] ? undefined : samples.get(subjects[0]!)
      onRow({ ...name, ...measured(taken, reference, loads.get(subject)!) })
    }
  }
}

const rateOf = ({ alerts, seconds }: Sample): number => alerts / seconds
const cpuOf = ({ alerts, cpuMs }: Sample): number => cpuMs / alerts

/** @param reference rounds of the reference, run just before those of `rounds` */
export function measured (rounds: readonly Sample[], reference: readonly Sample[] | undefined, loads: readonly number[]): Measured {
  const ratios = (value: (sample: Sample) => number): Spread =>
    spread(rounds.map((sample, round) => value(sample) / value(reference![round]!)))
  return {
    rounds,
    alertsPerSecond: median(rounds.map(rateOf)),
    bytesPerSecond: median(rounds.map(({ bytes, seconds }) => bytes / seconds)),
    cpuMsPerAlert: median(rounds.map(cpuOf)),
    peakBytes: median(rounds.map(({ peakBytes }) => peakBytes)),
    extra: mediansOf(rounds.map(({ extra }) => extra ?? {})),
    ...reference === undefined ? {} : { ratios: { cpu: ratios(cpuOf), rate: ratios(rateOf) } },
    load: [Math.min(...loads), Math.max(...loads)]
  }
}

/** Medians of the numbers, by name. Of texts, the last one is taken. */
function mediansOf (rounds: ReadonlyArray<Readonly<Record<string, number | string>>>): Record<string, number | string> {
  return Object.fromEntries(Object.entries(rounds.at(-1) ?? {}).map(([name, last]) =>
    [name, typeof last === 'string' ? last : median(rounds.map(round => Number(round[name])))]))
}

function spread (values: readonly number[]): Spread {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) }
}

function median (values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
