// Runs load.py: an independent producer that sends alerts with acks=all while brokers and ingesters fail. The tests say how many,
// so that their number does not depend on the speed of the machine.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Test } from 'tap'

/** Maximum number of alerts per second. */
const RATE = 200

export interface LoadOptions {
  readonly python: string
  readonly brokers: string
  readonly topic: string
  readonly registry: string
  readonly schemaId: number
  readonly firstId: bigint
  /** File for the ids and hashes of the sent alerts. */
  readonly journal: string
}

export interface Load {
  /** Number of alerts that the brokers have acknowledged. */
  readonly acknowledged: number
  /** Sends this many more alerts. Resolves when they are sent; they may not be acknowledged yet. */
  send (count: number): Promise<void>
  /** Waits until every alert is acknowledged. Returns the number of alerts. */
  stop (): Promise<number>
}

export function startLoad (t: Test, options: LoadOptions): Load {
  const { python, brokers, topic, registry, schemaId, firstId, journal } = options
  const args = [join(import.meta.dirname, 'load.py'), brokers, topic, registry, schemaId, firstId, RATE, journal].map(String)
  const child = spawn(python, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  t.teardown(() => { child.kill('SIGKILL') })
  let [requested, sent, acknowledged] = [0, 0, 0]
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
    get acknowledged () { return acknowledged },
    async send (count) {
      const enough = requested += count
      child.stdin.write(`${count}\n`)
      while (sent < enough) await Promise.race([once(child, 'progress'), ended])
    },
    async stop () {
      child.stdin.end()
      await ended
      return acknowledged
    }
  }
}
