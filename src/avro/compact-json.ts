// Removes the whitespace between JSON tokens and changes nothing else. Parsing and re-serializing would round numbers beyond 2^53.

/** Throws SyntaxError if the text is not JSON. */
export function compactJson (text: string): string {
  JSON.parse(text)
  return text.replace(/("(?:[^"\\]|\\.)*")|\s+/g, (_, string: string | undefined) => string ?? '')
}
