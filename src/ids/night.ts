// Nights (day_obs): the UTC date 12 hours earlier, as YYYYMMDD. A night begins at noon UTC and lasts 24 h.
const dayMs = 86_400_000

/** The UTC date of a time in ms since 1970, as YYYYMMDD. */
export function dateText (ms: number): string {
  return new Date(ms).toISOString().slice(0, 10).replaceAll('-', '')
}

/** The night of a time in ms since 1970. */
export function nightAt (ms: number): string {
  return dateText(ms - dayMs / 2)
}

/** The last `count` nights that are over at `now` (ms since 1970), in ascending order. */
export function finishedNights (count: number, now: number): string[] {
  return Array.from({ length: count }, (_, index) => nightAt(now - (count - index) * dayMs))
}
