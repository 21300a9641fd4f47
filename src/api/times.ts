// Times in query parameters.

/** UTC as in ISO 8601, or milliseconds since 1970. */
const timePattern = '^([0-9]{1,15}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]{1,3})?)?Z)$'

/** The schema of a time. `what`: what the time is, for the description. */
export function timeSchema (what: string) {
  return {
    type: 'string', pattern: timePattern, description: `${what}: UTC, such as 2026-11-30T04:05:06Z, or milliseconds since 1970.`
  }
}

/** Milliseconds since 1970, for a text that matches the pattern. NaN if there is no such time, such as 2026-13-01T00:00Z. */
export function parseTime (text: string): number {
  return /^[0-9]+$/.test(text) ? Number(text) : Date.parse(text)
}

export const invalidTime = 'since and until are times in UTC, such as 2026-11-30T04:05:06Z'
