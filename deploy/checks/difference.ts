// Where two texts part: what a person looks at first.

export interface Difference {
  /** Counted from 1. */
  readonly line: number
  readonly before: string
  readonly after: string
}

/** The first line that is not the same in both, `(end)` where one has no such line. */
export function firstDifference (before: string, after: string): Difference {
  const [one, other] = [before.split('\n'), after.split('\n')]
  const at = other.findIndex((line, index) => line !== one[index])
  const index = at === -1 ? other.length : at
  return { line: index + 1, before: one[index] ?? '(end)', after: other[index] ?? '(end)' }
}
