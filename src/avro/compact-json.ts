// Removes the whitespace between JSON tokens. The text is not parsed and re-serialized, because that would round numbers beyond 2^53.

/** Throws SyntaxError if the text is not JSON. */
export function compactJson (text: string): string {
  JSON.parse(text)
  return text.replace(/("(?:[^"\\]|\\.)*")|\s+/g, (_, string: string | undefined) => string ?? '')
}
