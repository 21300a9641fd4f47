// Frames and schemas for tests.
import { frameHeaderLength, writeFrameHeader } from '../../src/avro/wire-format.ts'

/** A Confluent frame: the header, then the datum. */
export function encodeFrame (schemaId: number, datum: Buffer): Buffer {
  const header = Buffer.alloc(frameHeaderLength)
  writeFrameHeader(header, schemaId)
  return Buffer.concat([header, datum])
}

/** The same schema in another spelling: without docs, defaults and aliases, and with the keys of each object in reverse order. */
export function otherSpelling (text: string): string {
  return JSON.stringify(JSON.parse(text, (_key, value: unknown) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
    return Object.fromEntries(Object.entries(value).filter(([name]) => !['doc', 'default', 'aliases'].includes(name)).reverse())
  }))
}
