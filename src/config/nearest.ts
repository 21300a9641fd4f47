// Suggestions for mistyped names, by Levenshtein distance.

/** The hint `Did you mean NAME?` for the nearest name, if its edit distance is at most 2 or a third of the word's length. */
export function didYouMean (word: string, known: readonly string[], prefix = ''): string | undefined {
  const ranked = known.map(name => ({ name, distance: editDistance(word, name) })).sort((a, b) => a.distance - b.distance)
  const best = ranked[0]
  const limit = Math.max(2, Math.floor(word.length / 3))
  return best !== undefined && best.distance <= limit ? `Did you mean ${prefix}${best.name}?` : undefined
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
