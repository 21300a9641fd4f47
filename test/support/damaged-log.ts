// Damages the log of a stopped Kafka broker on disk. Kafka does not check a batch when it is fetched.
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Flips one bit of the only occurrence of `text` in the segments of a partition, such as `alerts-0`. */
export async function damageLog (dataDir: string, partition: string, text: string | Buffer): Promise<void> {
  const files = await readdir(dataDir, { recursive: true })
  const segments = files.filter(file => file.includes(`${partition}/`) && file.endsWith('.log'))
  for (const segment of segments) {
    const path = join(dataDir, segment)
    const bytes = await readFile(path)
    const at = bytes.indexOf(text)
    if (at < 0) continue
    bytes[at]! ^= 1
    await writeFile(path, bytes)
    return
  }
  throw new Error(`the text to damage is not in ${partition}`)
}
