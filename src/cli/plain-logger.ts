// A logger that writes plain sentences, for modes that a person watches.
import { messageOf } from '../pipeline/errors.ts'
import type { Logger } from '../pipeline/log.ts'

const levels = ['debug', 'info', 'warn', 'error'] as const
const prefixes = { debug: '', info: '', warn: 'warning: ', error: 'error: ' }

/** Writes lines such as `warning: record dead-lettered [node archive, code ARCHIVE_CONFLICT]: the object already exists`. */
export function plainLogger (minimum: string, write: (line: string) => void): Logger {
  const logAt = (level: typeof levels[number]) => (fields: object, message: string): void => {
    if (levels.indexOf(level) < levels.findIndex(each => each === minimum)) return
    write(`${prefixes[level]}${message}${details(fields, message)}\n`)
  }
  return { debug: logAt('debug'), info: logAt('info'), warn: logAt('warn'), error: logAt('error') }
}

// Omits each field whose value already appears in the message.
function details (fields: object, message: string): string {
  const { error, reason = error, ...others } = fields as Readonly<Record<string, unknown>>
  const scalars = Object.entries(others).filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value))
  const shown = scalars.filter(([, value]) => !message.includes(String(value)))
  const list = shown.map(([name, value]) => `${name} ${String(value)}`).join(', ')
  const cause = reason === undefined ? '' : `: ${messageOf(reason)}`
  return `${list === '' ? '' : ` [${list}]`}${cause}`.replaceAll(/\s*\n\s*/g, ' ')
}
