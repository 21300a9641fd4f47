// The log on stderr: readable lines on a terminal, JSON lines elsewhere. Stdout carries results only.
import pino from 'pino'
import pretty from 'pino-pretty'
import type { Logger } from '../pipeline/log.ts'

export function createLogger (level: string, mode: string, isTerminal: boolean): Logger {
  const stream = isTerminal
    ? pretty({ destination: 2, sync: true, colorize: true, ignore: 'pid,hostname,mode', translateTime: 'SYS:HH:MM:ss' })
    : pino.destination({ dest: 2, sync: true })
  return pino({ level, base: { mode }, timestamp: pino.stdTimeFunctions.isoTime }, stream)
}
