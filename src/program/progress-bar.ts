// Progress of a job: a bar on a terminal, otherwise a log line every 10 seconds.
import type { Host } from './mode.ts'

const WIDTH = 24
const LOG_EVERY_MS = 10_000
const SHOW_EVERY_MS = 200

interface ProgressBar {
  /** Shows the number of processed alerts, which `done` returns, until `end` is called. */
  follow (done: () => number): void
  end (): void
}

/** @param total number of alerts (or of other `things`), or a function that returns the number counted so far */
export function progressBar (
  host: Pick<Host, 'progress' | 'log' | 'isTerminal'>, title: string, total: number | (() => number), things = 'alerts'
): ProgressBar {
  const start = Date.now()
  let timer: NodeJS.Timeout | undefined
  return {
    follow: done => {
      timer = setInterval(() => {
        const count = done()
        const rate = Math.round(count / Math.max(0.001, (Date.now() - start) / 1000))
        const all = typeof total === 'number' ? total : Math.max(count, total())
        if (host.isTerminal) host.progress(`${title} ${bar(count, all)} ${count}/${all} ${things}, ${rate}/s`)
        else host.log.info({ done: count, total: all, perSecond: rate }, title)
      }, host.isTerminal ? SHOW_EVERY_MS : LOG_EVERY_MS)
    },
    end: () => {
      clearInterval(timer)
      host.progress(undefined)
    }
  }
}

/** `[######------]` */
function bar (count: number, total: number): string {
  const filled = Math.min(WIDTH, Math.floor(WIDTH * count / Math.max(1, total)))
  return `[${'#'.repeat(filled)}${'-'.repeat(WIDTH - filled)}]`
}
