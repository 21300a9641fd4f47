// Compares published alerts, byte for byte, with their copies in the archive and from the API.
// Problems with single alerts are counted and described. Only an error while reading the published alerts ends the comparison early.
import { parseFrame, parseSchema, type AlertSchema } from '../avro/index.ts'
import type { KafkaRecord } from '../kafka/record.ts'
import { createGraph, formatError, messageOf, type Source } from '../pipeline/index.ts'
import type { Archive } from '../stores/index.ts'

export interface Comparison {
  readonly published: number
  readonly archived: number
  readonly served: number
  /** Number of published records that repeat an alert, or whose copy in the archive or in the API response is different. */
  readonly differ: number
  /** Descriptions of the first 10 problems, one line each. */
  readonly problems: readonly string[]
}

const MAX_PROBLEMS = 10

/** @param api base URL of the API, without /v1 */
export async function compareAlerts (
  published: Source<KafkaRecord>, archive: Pick<Archive, 'getAlert'>, api: string
): Promise<Comparison> {
  const result = { published: 0, archived: 0, served: 0, differ: 0, problems: [] as string[] }
  const problem = (text: string): void => { if (result.problems.length < MAX_PROBLEMS) result.problems.push(text) }
  const schemas = new Map<number, Promise<AlertSchema>>()
  const ids = new Set<string>()

  const fetchSchema = async (id: number): Promise<AlertSchema> => {
    const response = await fetch(`${api}/v1/schemas/${id}`)
    if (!response.ok) throw new Error(`the API returns ${response.status} for schema ${id}`)
    return parseSchema(await response.text())
  }
  const schemaOf = (id: number): Promise<AlertSchema> => {
    let schema = schemas.get(id)
    if (schema === undefined) schemas.set(id, schema = fetchSchema(id))
    return schema
  }
  const differsInArchive = async (id: string, frame: Buffer): Promise<boolean> => {
    try {
      const stored = await archive.getAlert(id)
      if (stored === undefined) problem(`alert ${id} is not in the archive`)
      else result.archived++
      return stored !== undefined && !stored.equals(frame)
    } catch (error) {
      problem(`alert ${id} cannot be read from the archive: ${formatError(error)}`)
      return true
    }
  }
  const differsFromApi = async (id: string, frame: Buffer): Promise<boolean> => {
    try {
      const response = await fetch(`${api}/v1/alerts/${id}`, { headers: { 'accept-encoding': 'identity' } })
      const body = Buffer.from(await response.arrayBuffer())
      if (response.ok) result.served++
      else problem(`alert ${id}: the API returns ${response.status}`)
      return response.ok && !body.equals(frame)
    } catch (error) {
      problem(`alert ${id}: cannot reach the API: ${messageOf(error)}`)
      return false
    }
  }
  const compare = async ({ value, topic, partition, offset }: KafkaRecord): Promise<void> => {
    result.published++
    const frame = value ?? Buffer.alloc(0)
    let id: string
    try {
      const { schemaId, datum } = parseFrame(frame)
      id = (await schemaOf(schemaId)).readAlertId(datum).toString()
    } catch (error) {
      return problem(`${topic}[${partition}]@${offset}: ${messageOf(error)}`)
    }
    const duplicate = ids.has(id)
    ids.add(id)
    const archiveDiffers = await differsInArchive(id, frame)
    const apiDiffers = await differsFromApi(id, frame)
    if (duplicate || archiveDiffers || apiDiffers) result.differ++
    if (duplicate) problem(`alert ${id} was published twice`)
    if (archiveDiffers || apiDiffers) {
      const copies = [...archiveDiffers ? ['in the archive'] : [], ...apiDiffers ? ['from the API'] : []]
      problem(`alert ${id} differs from the published bytes ${copies.join(' and ')}`)
    }
  }
  const graph = createGraph('smoke')
  graph.source('simulated-topic', published).to('compare', { kind: 'comparison', write: compare }, { concurrency: 8 })
  await graph.build().run().done
  return result
}
