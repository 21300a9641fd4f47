// Converts the text of a value, from the command line, the environment or the configuration file, to the type of the flag.
import { usageErrors } from './errors.ts'
import type { FlagSpec } from './flags.ts'
import { withoutPassword } from './mask.ts'

/** The source of a value, for error messages. */
interface TextSource {
  /** The flag, variable or key: `--count`, `ALERT_STREAM_COUNT` or `count`. */
  readonly name: string
  /** The mode, or `path:line:column` of the key in the configuration file. */
  readonly where: string
}

/** If a flag has several values, a list flag keeps all distinct values, and any other flag keeps the last value. Error: USAGE_BAD_VALUE. */
export function convert (spec: FlagSpec, values: readonly string[], source: TextSource): unknown {
  const value = values.at(-1) ?? ''
  const bad = (expected: string, wrong = value): Error =>
    usageErrors.USAGE_BAD_VALUE(`${source.name} is '${withoutPassword(wrong)}', but must be ${expected}`, { where: source.where })
  switch (spec.type) {
    case 'text': {
      if (value === '' && spec.default !== '') throw bad('a non-empty text')
      const expected = spec.check?.(value)
      if (expected !== undefined) throw bad(expected)
      return value
    }
    case 'list': {
      const items = values.flatMap(each => each.split(',')).map(each => each.trim()).filter(each => each !== '')
      if (items.length === 0) throw bad('a list with at least one item')
      for (const item of items) {
        const expected = spec.check?.(item)
        if (expected !== undefined) throw bad(expected, item)
      }
      return [...new Set(items)]
    }
    case 'choice':
      if (!spec.choices.includes(value)) throw bad(`one of ${spec.choices.join(', ')}`)
      return value
    case 'switch':
      if (/^(true|on|yes|1)$/i.test(value)) return true
      if (/^(false|off|no|0)$/i.test(value)) return false
      throw bad('on or off')
    case 'integer':
    case 'number': {
      const number = Number(value)
      const valid = value.trim() !== '' && (spec.type === 'integer' ? Number.isSafeInteger(number) : Number.isFinite(number)) &&
        number >= (spec.min ?? -Infinity) && number <= (spec.max ?? Infinity)
      if (!valid) throw bad((spec.type === 'integer' ? 'a whole number' : 'a number') + range(spec))
      return number
    }
  }
}

/** Returns ` from 1 to 10`, ` of at least 1`, ` of at most 10`, or an empty string if the range is unlimited. */
export function range ({ min, max }: { readonly min?: number, readonly max?: number }): string {
  if (min !== undefined && max !== undefined) return ` from ${min} to ${max}`
  return min !== undefined ? ` of at least ${min}` : max !== undefined ? ` of at most ${max}` : ''
}
