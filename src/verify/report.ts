// The report of a check: its problems, what became of them, and totals.
import { position, type KafkaRecord } from '../kafka/record.ts'
import { counted } from '../print/counted.ts'
import { ProblemReport } from '../print/problem-report.ts'
import type { CommittedTopic } from './committed-records.ts'

export interface Problem {
  readonly problem: 'missing' | 'different'
  readonly object: 'alert' | 'schema'
  readonly record: KafkaRecord
  readonly alertId?: string | undefined
  readonly schemaId?: number | undefined
  readonly reason: string
}

/** Result of a repair: the archive has the alert and its schema now, or the dead letters have the record. */
export type Repair = 'archived' | 'dead-lettered'

/** What was checked. */
export interface Subject {
  readonly group: string
  readonly alertStore: string
  readonly schemaStore: string
  readonly topics: readonly CommittedTopic[]
}

export class VerifyReport {
  readonly #document: ProblemReport
  readonly #open = new Map<string, readonly Problem[]>()
  verified = 0
  /** Verified records of alerts that were verified before. */
  repeats = 0
  deadLettered = 0
  missing = 0
  different = 0
  repaired = 0
  /** Records that were not judged, because the run was stopped before all dead letters were read. */
  undecided = 0

  constructor (print: (text: string) => Promise<void>) {
    this.#document = new ProblemReport(print)
  }

  /** Number of problems that were not repaired. */
  get remaining (): number {
    return this.missing + this.different - this.repaired
  }

  async begin (): Promise<void> {
    await this.#document.begin()
  }

  async print (problems: readonly Problem[], repair?: Repair): Promise<void> {
    for (const each of problems) {
      this[each.problem]++
      if (isSolved(each, repair)) this.repaired++
      const { problem, object, record: { topic, partition, offset }, alertId, schemaId, reason } = each
      await this.#document.add({ problem, object, topic, partition, offset: String(offset), alertId, schemaId, reason, repair })
    }
  }

  /** Keeps the problems of one record until its repair has ended. */
  keep (problems: readonly Problem[]): void {
    this.#open.set(position(problems[0]!.record), problems)
  }

  /** Prints the problems of the record at the given position. */
  async repairEnded (at: string, repair: Repair): Promise<void> {
    const problems = this.#open.get(at) ?? []
    this.#open.delete(at)
    await this.print(problems, repair)
  }

  /** @param complete whether every record was checked */
  async end ({ topics, ...subject }: Subject, schemas: number, complete: boolean): Promise<void> {
    for (const problems of this.#open.values()) await this.print(problems)
    const partitions = topics.flatMap(topic => topic.partitions)
    const sum = (field: 'expired' | 'truncated'): number => Number(partitions.reduce((total, each) => total + each[field], 0n))
    const { verified, repeats, deadLettered, missing, different, repaired } = this
    const totals = {
      complete, ...subject, verified, repeats, deadLettered, missing, different, repaired, schemas,
      expired: sum('expired'), truncated: sum('truncated')
    }
    const rows = partitions.map(({ topic, partition, committed, next, logStart, logEnd }) => ({
      topic, partition, committed: committed === undefined ? null : String(committed), checkedTo: String(next),
      logStart: String(logStart), logEnd: String(logEnd)
    }))
    await this.#document.end(totals, { partitions: rows })
  }

  /** One line for people. */
  summary (): string {
    const { verified, repeats, deadLettered, missing, different, repaired } = this
    return `${counted(verified, 'record')} verified (${counted(repeats, 'repeat')}), ${counted(deadLettered, 'dead letter')}, ` +
      `${missing} missing, ${different} different, ${repaired} repaired`
  }
}

/** A missing alert is repaired when its record is in the dead letters. A different object and a missing schema are not. */
function isSolved ({ problem, object }: Problem, repair: Repair | undefined): boolean {
  return repair === 'archived' || (repair === 'dead-lettered' && problem === 'missing' && object === 'alert')
}
