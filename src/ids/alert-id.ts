// The id of an alert as text: its decimal digits, or its IAU name `LSST-AP-DS-{digits}`.

const largestAlertId = (1n << 63n) - 1n
const iauPrefix = 'LSST-AP-DS-'

/** Parses an alert id: 1 to 19 ASCII digits, at most 2^63 - 1. Returns the id without leading zeros, or undefined if invalid. */
export function parseAlertId (text: string): string | undefined {
  if (!/^[0-9]{1,19}$/.test(text)) return undefined
  const id = BigInt(text)
  return id > largestAlertId ? undefined : id.toString()
}

/** Parses an alert id as users write it: like `parseAlertId`, or as an IAU name such as LSST-AP-DS-170028518906855444. */
export function parseAlertName (text: string): string | undefined {
  return parseAlertId(text.startsWith(iauPrefix) ? text.slice(iauPrefix.length) : text)
}
