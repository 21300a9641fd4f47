// A schema as registered under a subject, and its lookup by schema id or by content.
import { isSameSchema } from './canonical-form.ts'

export interface RegisteredSchema {
  readonly subject: string
  readonly version: number
  readonly id: number
  /** The text of the schema as the registry returns it. */
  readonly text: string
  /** Whether the text refers to types of other schemas. */
  readonly refers: boolean
}

/** The part of the registry client that lookups need. */
export interface SubjectVersions {
  /** Version numbers in ascending order; empty if the subject does not exist. */
  versions (subject: string): Promise<number[]>
  /** Error: UNKNOWN_SUBJECT. */
  version (subject: string, version: number): Promise<RegisteredSchema>
  /** The self-contained text of a schema. Error: UNKNOWN_SCHEMA. */
  schemaById (id: number): Promise<string>
}

/** Returns the newest version of the subject with this schema id, or undefined if no version has the id. */
export async function findBySchemaId (registry: SubjectVersions, subject: string, id: number): Promise<RegisteredSchema | undefined> {
  for (const version of (await registry.versions(subject)).reverse()) {
    const found = await registry.version(subject, version)
    if (found.id === id) return found
  }
  return undefined
}

/** Returns the newest version of the subject that is the same schema in any spelling, or undefined if there is none. */
export async function findSameSchema (registry: SubjectVersions, subject: string, text: string): Promise<RegisteredSchema | undefined> {
  for (const version of (await registry.versions(subject)).reverse()) {
    const found = await registry.version(subject, version)
    if (isSameSchema(found.refers ? await registry.schemaById(found.id) : found.text, text)) return found
  }
  return undefined
}
