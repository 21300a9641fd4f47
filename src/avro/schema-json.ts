// Reads the JSON of schemas as leniently as the parsers of Avro: Java accepts comments, Python writes NaN and Infinity as bare words. Texts
// are not parsed and re-serialized with plain JSON functions, because that would round numbers beyond 2^53.

/** A JSON number that a double cannot represent. JSON.stringify writes its text unchanged. */
interface RawNumber { readonly rawJSON: string }

const { parse, rawJSON, isRawJSON } = JSON as unknown as {
  parse (text: string, reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown): unknown
  rawJSON (text: string): RawNumber
  isRawJSON (value: unknown): value is RawNumber
}

const LITERALS = /("[^"\\]*(?:\\.[^"\\]*)*")|\/\*[^]*?\*\/|\/\/[^\n]*|(-?\b(?:NaN|Infinity)\b)/g
const WHITESPACE = /("[^"\\]*(?:\\.[^"\\]*)*")|\s+/g

/** Removes comments and the whitespace between tokens, and quotes NaN and Infinity. Throws SyntaxError if the rest is not JSON. */
export function compactJson (text: string): string {
  const standard = text.replace(LITERALS, (_, string?: string, word?: string) => string ?? (word === undefined ? ' ' : `"${word}"`))
  JSON.parse(standard)
  return standard.replace(WHITESPACE, (_, string?: string) => string ?? '')
}

/** Parses JSON in which each integer beyond 2^53 becomes a RawNumber. Throws SyntaxError, or RangeError if the nesting is too deep. */
export function parseExactly (text: string): unknown {
  return parse(text, (_key, value, { source }) =>
    typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value) && source !== undefined && /^-?\d+$/.test(source)
      ? rawJSON(source)
      : value)
}

export { isRawJSON as isRawNumber }
