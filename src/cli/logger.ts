// The log on stderr: readable lines on a terminal, JSON lines elsewhere. Stdout carries results only.
import pino from 'pino'
import type { Logger } from '../pipeline/log.ts'

export async function createLogger (level: string, mode: string, isTerminal: boolean): Promise<Logger> {
  const stream = isTerminal ? await readableLines() : pino.destination({ dest: 2, sync: true })
  const log: Logger = pino({ level, base: { mode }, timestamp: pino.stdTimeFunctions.isoTime }, stream)
  return log
}

async function readableLines (): Promise<pino.DestinationStream> {
  const { default: pretty } = await import('pino-pretty')
  return pretty({ destination: 2, sync: true, colorize: true, ignore: 'pid,hostname,mode', translateTime: 'SYS:HH:MM:ss' })
}
