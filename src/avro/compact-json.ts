// Schema text as it travels: JSON without whitespace, with every doc, default, order of keys and spelling of numbers as it was.

/**
 * Drops the whitespace between tokens and nothing else (re-serializing would respell numbers and lose the exactness of large defaults).
 * Throws SyntaxError where the text is not JSON.
 */
export function compactJson (text: string): string {
  JSON.parse(text)
  return text.replace(/("(?:[^"\\]|\\.)*")|\s+/g, (_, string: string | undefined) => string ?? '')
}
