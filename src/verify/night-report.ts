// The report of a check of one night: its problems, and totals.
import type { OffsetRange } from '../alert-index/offset-ranges.ts'
import type { RejectedRecord } from '../alert-index/segment.ts'
import { counted } from '../print/counted.ts'
import { ProblemReport } from '../print/problem-report.ts'

/** The kinds of problems, each with the name of its total. */
const totalOf = {
  'not-indexed': 'notIndexed', orphan: 'orphans', different: 'different', duplicate: 'duplicates', conflict: 'conflicts',
  damaged: 'damaged', missing: 'missing', uncounted: 'uncounted'
} as const
type Kind = keyof typeof totalOf
type Total = (typeof totalOf)[Kind]

export interface NightProblem {
  readonly problem: Kind
  readonly object: 'alert' | 'row' | 'segment' | 'manifest' | 'visit' | 'file'
  readonly alertId?: string | undefined
  /** Key of the object in the alert store or the index store. */
  readonly key?: string | undefined
  readonly visit?: string | null
  readonly reason: string
}

/** What was compared. */
export interface NightSubject {
  readonly night: string
  readonly alertStore: string
  readonly indexStore: string
  /** Number of the newest complete revision. */
  readonly revision: number | null
  readonly segments: number
  /** Rows of the segments, and the frames among them: repeated deliveries of a frame count once. */
  readonly rows: number
  readonly frames: number
  /** Alerts of the archive whose frame has a row. */
  readonly verified: number
  readonly rejected: readonly RejectedRecord[]
  readonly gaps: readonly OffsetRange[]
}

export class NightReport {
  readonly #document: ProblemReport
  /** Alerts of the archive. */
  archived = 0
  readonly totals: Record<Total, number> = {
    notIndexed: 0, orphans: 0, different: 0, duplicates: 0, conflicts: 0, damaged: 0, missing: 0, uncounted: 0
  }

  constructor (print: (text: string) => Promise<void>) {
    this.#document = new ProblemReport(print)
  }

  get problems (): number {
    return Object.values(this.totals).reduce((sum, count) => sum + count, 0)
  }

  async begin (): Promise<void> {
    await this.#document.begin()
  }

  async add ({ problem, object, alertId, key, visit, reason }: NightProblem): Promise<void> {
    this.totals[totalOf[problem]]++
    await this.#document.add({ problem, object, alertId, key, visit, reason })
  }

  /** @param complete whether all parts were compared */
  async end ({ rejected, gaps, ...subject }: NightSubject, complete: boolean): Promise<void> {
    await this.#document.end({ complete, ...subject, archived: this.archived, ...this.totals }, { rejected, gaps })
  }

  /** The problems as text, such as `1 not indexed, 2 orphans`. */
  found (): string {
    const { notIndexed, orphans, different, duplicates, conflicts, damaged, missing, uncounted } = this.totals
    const parts = [
      [notIndexed, `${notIndexed} not indexed`], [orphans, counted(orphans, 'orphan')], [different, `${different} different`],
      [duplicates, counted(duplicates, 'duplicate')], [conflicts, counted(conflicts, 'conflict')], [damaged, `${damaged} damaged`],
      [missing, `${missing} missing`], [uncounted, `${uncounted} not counted by the manifest`]
    ] as const
    return parts.filter(([count]) => count > 0).map(([, text]) => text).join(', ') || 'no problems'
  }
}
