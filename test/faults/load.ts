// Runs load.py: an independent producer that sends alerts with acks=all while brokers and ingesters fail.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Test } from 'tap'

export interface LoadOptions {
  readonly python: string
  readonly brokers: string
  readonly topic: string
  readonly registry: string
  readonly schemaId: number
  readonly firstId: bigint
  /** Alerts per second. */
  readonly rate: number
  /** File for the ids and hashes of the sent alerts. */
  readonly journal: string
}

export interface Load {
  readonly sent: number
  /** Number of alerts that the brokers have acknowledged. */
  readonly acknowledged: number
  /** Waits until this many more alerts are sent. */
  sendMore (count: number): Promise<void>
  /** Stops sending and waits until every alert is acknowledged. Returns the number of alerts. */
  stop (): Promise<number>
}

export function startLoad (t: Test, options: LoadOptions): Load {
  const { python, brokers, topic, registry, schemaId, firstId, rate, journal } = options
  const args = [join(import.meta.dirname, 'load.py'), brokers, topic, registry, schemaId, firstId, rate, journal].map(String)
  const child = spawn(python, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  t.teardown(() => { child.kill('SIGKILL') })
  let [sent, acknowledged] = [0, 0]
  let [output, errors] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    const last = [...output.matchAll(/^sent (\d+) acknowledged (\d+)\n/gm)].at(-1)
    if (last === undefined) return
    ;[sent, acknowledged] = [Number(last[1]), Number(last[2])]
    output = output.slice(last.index + last[0].length)
    child.emit('progress')
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => { errors += text })
  const ended = once(child, 'close').then(([code]) => {
    if (code !== 0) throw new Error(`load.py ended with code ${String(code)}: ${errors}`)
  })
  ended.catch(() => {})
  return {
    get sent () { return sent },
    get acknowledged () { return acknowledged },
    async sendMore (count) {
      const enough = sent + count
      while (sent < enough) await Promise.race([once(child, 'progress'), ended])
    },
    async stop () {
      child.stdin.end()
      await ended
      return acknowledged
    }
  }
}
