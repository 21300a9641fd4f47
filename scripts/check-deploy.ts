// `npm run check:deploy`: checks what is deployed: the table of who may do what in Kafka. There are neither charts nor Terraform modules yet;
// should somebody add one without its check, this fails instead of passing over it.
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { faultsOf } from './check-acls.ts'

const root = join(import.meta.dirname, '..', 'deploy')
const table = JSON.parse(await readFile(join(root, 'acls.json'), 'utf8')) as Parameters<typeof faultsOf>[0]
const faults = faultsOf(table).map(fault => `deploy/acls.json: ${fault}`)
for (const entry of await readdir(root, { withFileTypes: true })) {
  if (!['acls.json', 'helm', 'terraform'].includes(entry.name)) faults.push(`nothing checks deploy/${entry.name} yet: add its check to scripts/check-deploy.ts`)
}
for (const folder of ['helm', 'terraform']) {
  const entries = await readdir(join(root, folder), { withFileTypes: true }).catch(() => [])
  for (const entry of entries.filter(({ name }) => name !== 'README.md')) {
    faults.push(`nothing checks ${join('deploy', folder, entry.name)} yet: add its check to scripts/check-deploy.ts`)
  }
}
if (faults.length > 0) {
  process.stderr.write(faults.map(fault => `check:deploy: ${fault}\n`).join(''))
  process.exitCode = 1
} else {
  process.stdout.write(`check:deploy: deploy/acls.json: ${table.users?.length} users; there are no charts and no Terraform modules yet\n`)
}
