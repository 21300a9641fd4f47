// What a mistyped name was probably meant to be.

/** The known word within a third of the letters by edit distance, if any. */
export function nearest (word: string, known: readonly string[]): string | undefined {
  const ranked = known.map(each => ({ each, distance: editDistance(word, each) })).sort((a, b) => a.distance - b.distance)
  const best = ranked[0]
  return best !== undefined && best.distance <= Math.max(2, Math.floor(word.length / 3)) ? best.each : undefined
}

/** `: did you mean NAME?`, or nothing where no known word is near. */
export function didYouMean (word: string, known: readonly string[], prefix = ''): string {
  const near = nearest(word, known)
  return near === undefined ? '' : `: did you mean ${prefix}${near}?`
}

function editDistance (a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)))
    }
    row = next
  }
  return row[b.length] ?? 0
}
