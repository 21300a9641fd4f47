// The alerts of a replay, in the order of their positions in Kafka, from the first alert that was not sent by an earlier run.
import { counted } from '../print/counted.ts'
import { sleepUntil } from '../simulator/ticks.ts'
import type { NodeContext, Source, SourceRecord } from '../pipeline/index.ts'
import type { TableAlert } from './alert-table.ts'
import { replayErrors } from './errors.ts'
import { orderedAlerts, type OrderedAlerts, type OrderOptions } from './ordered-alerts.ts'
import type { ReplayProgress } from './progress.ts'

export interface ReplaySourceOptions {
  /** For descriptions. */
  readonly detail: string
  /** Called when the graph runs. */
  readonly opened: () => Omit<OrderOptions, 'log'> & { readonly progress: ReplayProgress }
  readonly allowIncomplete: boolean
  /** Maximum number of alerts per second. Default: no limit. */
  readonly rate: number | undefined
  /** Called before the first alert is emitted. */
  readonly onOrder: (alerts: OrderedAlerts) => void
}

export interface ReplaySource extends Source<TableAlert> {
  /** Number of selected alerts; undefined until they are known. */
  readonly selected: number | undefined
  /** Whether all alerts were emitted. */
  readonly ended: boolean
}

/** How far the source may catch up after a delay, in ms. Timers are late by about a millisecond. */
const catchUpMs = 100

/** Errors: those of `orderedAlerts` and `ReplayProgress`; REPLAY_INCOMPLETE. */
export function replaySource ({ detail, opened, allowIncomplete, rate, onOrder }: ReplaySourceOptions): ReplaySource {
  let selected: number | undefined
  let ended = false

  function checkComplete ({ incomplete, firstIncomplete, order }: OrderedAlerts): void {
    if (incomplete === 0 || allowIncomplete) return
    const what = `${incomplete} of ${counted(order.length, 'alert')} have no complete provenance, such as the alert ${firstIncomplete}`
    throw replayErrors.REPLAY_INCOMPLETE(what, { where: detail })
  }

  return {
    kind: 'object store',
    detail: rate === undefined ? detail : `${detail}, at most ${rate} alerts/s`,
    get selected () { return selected },
    get ended () { return ended },
    async * records ({ drain, log }: NodeContext): AsyncGenerator<SourceRecord<TableAlert>> {
      const { progress, ...options } = opened()
      const alerts = await orderedAlerts({ ...options, log }, drain)
      if (alerts === undefined) return
      checkComplete(alerts)
      const { table, order } = alerts
      await progress.begin(table, order)
      selected = order.length
      onOrder(alerts)
      let due = performance.now()
      for (let at = progress.processed; at < order.length; at++) {
        if (rate !== undefined) {
          due = Math.max(due + 1000 / rate, performance.now() - catchUpMs)
          if (due > performance.now()) await sleepUntil(due, drain)
        }
        if (drain.aborted) return
        const value = table.get(order[at]!)
        yield { value, bytes: value.bytes, position: `alert ${value.id}` }
      }
      ended = true
    }
  }
}
