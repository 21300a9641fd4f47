// A schema as registered under a subject, and its lookup by schema id.

export interface RegisteredSchema {
  readonly subject: string
  readonly version: number
  readonly id: number
  /** The text of the schema as the registry returns it. */
  readonly text: string
}

/** The part of the registry client that findBySchemaId needs. */
export interface SubjectVersions {
  /** Version numbers in ascending order; empty if the subject does not exist. */
  versions (subject: string): Promise<number[]>
  /** Error: UNKNOWN_SUBJECT. */
  version (subject: string, version: number): Promise<RegisteredSchema>
}

/** Returns the newest version of the subject with this schema id, or undefined if no version has the id. */
export async function findBySchemaId (registry: SubjectVersions, subject: string, id: number): Promise<RegisteredSchema | undefined> {
  for (const version of (await registry.versions(subject)).reverse()) {
    const found = await registry.version(subject, version)
    if (found.id === id) return found
  }
  return undefined
}
