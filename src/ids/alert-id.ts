// The id of an alert as text: its decimal digits, or its IAU name `LSST-AP-DS-{digits}`.

/** Ids are Avro longs. */
export const largestAlertId = (1n << 63n) - 1n
export const iauPrefix = 'LSST-AP-DS-'

/** The forms of an alert id that users may write, for messages. IAU names are case-sensitive. */
export const alertNameForms = `1 to 19 decimal digits, at most ${largestAlertId}, alone or after ${iauPrefix} (in capitals)`

/** Parses an alert id: 1 to 19 ASCII digits, at most 2^63 - 1. Returns the id without leading zeros, or undefined if invalid. */
export function parseAlertId (text: string): string | undefined {
  if (!/^[0-9]{1,19}$/.test(text)) return undefined
  const id = BigInt(text)
  return id > largestAlertId ? undefined : id.toString()
}

/** Whether the text begins like an IAU name, in any case. */
export function isLikeIauName (text: string): boolean {
  return text.slice(0, iauPrefix.length).toUpperCase() === iauPrefix
}

/** Parses an alert id as users write it: like `parseAlertId`, or as an IAU name such as LSST-AP-DS-170028518906855444. */
export function parseAlertName (text: string): string | undefined {
  return parseAlertId(text.startsWith(iauPrefix) ? text.slice(iauPrefix.length) : text)
}
