// Deliberate faults: each must be refused, by the tool that is named for it and in words that name the fault. What nobody would refuse is
// not checked, however many checks pass.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault } from '../check.ts'
import { INIT, VALIDATE, test, type Folder, type Workspace } from './tofu.ts'

export interface Deliberate {
  readonly title: string
  readonly folder: Folder
  readonly file: string
  /** Stands once in the file. */
  readonly find: string
  readonly replace: string
  /** What must refuse it: a command of OpenTofu, or the tests of one file. */
  readonly by: 'fmt' | 'init' | 'validate' | `tests/${string}`
  readonly says: RegExp
}

const alertdb = { folder: 'modules/alertdb', file: 'main.tf' } as const
const access = { folder: 'modules/alertdb', file: 'access.tf', by: 'tests/access.tftest.hcl' } as const

export const faults: readonly Deliberate[] = [
  // What the language and the provider's schema refuse.
  {
    title: 'an argument that does not exist', ...alertdb, by: 'validate',
    find: 'storage_class = "STANDARD"', replace: 'storage_clas = "STANDARD"', says: /Unsupported argument.*storage_clas/s
  },
  {
    title: 'a value of the wrong type', folder: 'modules/kafka-node-pool', file: 'main.tf', by: 'validate',
    find: 'max_unavailable = 0', replace: 'max_unavailable = "none"', says: /Inappropriate value.*number is required/s
  },
  {
    title: 'an argument that must be given', folder: 'modules/dns-and-addresses', file: 'main.tf', by: 'validate',
    find: '  type         = "A"\n', replace: '', says: /Missing required argument.*"type" is required/s
  },
  {
    title: 'a block that does not exist', ...alertdb, by: 'validate',
    find: '  versioning {\n    enabled = var.versioning',
    replace: '  versions {\n    enabled = var.versioning',
    says: /Unsupported block type.*versions/s
  },
  {
    title: 'a resource that does not exist', folder: 'modules/cluster', file: 'network.tf', by: 'validate',
    find: 'resource "google_compute_router_nat"',
    replace: 'resource "google_compute_nat"',
    says: /Invalid resource type.*google_compute_nat/s
  },
  {
    title: 'an output that does not exist', folder: 'environments/idfint', file: 'outputs.tf', by: 'validate',
    find: 'module.alertdb.schema_bucket', replace: 'module.alertdb.schemas_bucket', says: /Unsupported attribute.*schemas_bucket/s
  },
  {
    title: 'a variable that a module does not have', folder: 'environments/prod', file: 'main.tf', by: 'validate',
    find: 'retention_locked    = var.retention_locked',
    replace: 'retention_lock      = var.retention_locked',
    says: /Unsupported argument.*retention_lock/s
  },
  {
    title: 'a value that is the provider\'s to set', folder: 'modules/alertdb', file: 'access.tf', by: 'validate',
    find: 'account_id   = var.writer_account_id',
    replace: 'account_id   = var.writer_account_id\n  email        = "writer@example.org"',
    says: /Value for unconfigurable attribute.*email/s
  },
  {
    title: 'a version of the provider that nobody checks', folder: 'modules/cluster', file: 'versions.tf', by: 'init',
    find: '>= 6.50, < 9.0', replace: '~> 4.0', says: /no available releases match the given constraints ~> 4\.0/
  },
  {
    title: 'a file that is not formatted',
    ...alertdb,
    by: 'fmt',
    find: '  force_destroy = false',
    replace: ' force_destroy = false',
    says: /main\.tf/
  },

  // What the modules' own checks of variables refuse.
  {
    title: 'brokers\' host names without a number', folder: 'environments/idfint', file: 'terraform.tfvars', by: 'tests/idfint.tftest.hcl',
    find: 'broker-%d.lsst', replace: 'broker.lsst', says: /Invalid value for variable.*%d stands once/s
  },
  {
    title: 'a purge of what is to be kept', folder: 'environments/prod', file: 'main.tf', by: 'tests/prod.tftest.hcl',
    find: 'retention_locked    = var.retention_locked',
    replace: 'retention_locked    = var.retention_locked\n  purge_old_alerts = true',
    says: /contradict each other/
  },

  // What the modules' tests refuse.
  {
    title: 'a writer that may delete',
    ...access,
    find: 'roles/storage.objectCreator',
    replace: 'roles/storage.objectAdmin',
    says: /the writer may create objects, not replace or delete them/
  },
  {
    title: 'a reader that may write',
    ...access,
    find: 'members = [local.writer]',
    replace: 'members = [local.writer, local.reader]',
    says: /only the writer creates objects/
  },
  {
    title: 'the ingester acting as the reader, as it was in 2022', ...access,
    find: 'service_account_id = google_service_account.writer.name',
    replace: 'service_account_id = google_service_account.reader.name',
    says: /the ingester, and nobody else, acts as the writer/
  },
  {
    title: 'a bucket that could be public', ...alertdb, by: 'tests/buckets.tftest.hcl',
    find: '  public_access_prevention    = "enforced"\n  # A bucket',
    replace: '  public_access_prevention    = "inherited"\n  # A bucket',
    says: /public access must be prevented/
  },
  {
    title: 'schemas that are purged', ...alertdb, by: 'tests/lifecycle.tftest.hcl',
    find: '  versioning {\n    # A retention',
    replace: '  lifecycle_rule {\n    action { type = "Delete" }\n    condition { age = 28 }\n  }\n\n  versioning {\n    # A retention',
    says: /the schemas' bucket has no lifecycle rules/
  },
  {
    title: 'versions that a purge leaves', folder: 'modules/alertdb', file: 'lifecycle.tf', by: 'tests/lifecycle.tftest.hcl',
    find: 'state = "ARCHIVED"', replace: 'state = "LIVE"', says: /versions are freed|alerts are deleted/
  },
  {
    title: 'Kafka\'s nodes open to everybody', folder: 'modules/kafka-node-pool', file: 'main.tf', by: 'tests/pool.tftest.hcl',
    find: '    taint {\n      key    = var.dedicated.key\n      value  = var.dedicated.value\n      effect = "NO_SCHEDULE"\n    }\n',
    replace: '',
    says: /the taint that keeps others away/
  },
  {
    title: 'pods with the node\'s identity', folder: 'modules/cluster', file: 'main.tf', by: 'tests/cluster.tftest.hcl',
    find: '    workload_metadata_config {\n      mode = "GKE_METADATA"\n    }\n\n    shielded',
    replace: '    workload_metadata_config {\n      mode = "GCE_METADATA"\n    }\n\n    shielded',
    says: /shielded nodes whose identity pods do not get/
  },
  {
    title: 'brokers with each other\'s addresses',
    folder: 'modules/dns-and-addresses',
    file: 'outputs.tf',
    by: 'tests/addresses.tftest.hcl',
    find: 'brokers   = [for name in local.broker_names : local.pinned[name]]',
    replace: 'brokers   = [for name in local.broker_names : local.pinned["broker-0"]]',
    says: /the chart's values, brokers in their order/
  }
]

/** Makes the fault in a copy of its own, and sees that it is refused. Throws a Fault where it is not, or by something else. */
export async function refuse (tofu: Workspace, { folder, file, find, replace, by, says }: Deliberate): Promise<void> {
  const path = join(tofu.root, folder, file)
  const whole = await readFile(path, 'utf8')
  if (whole.split(find).length !== 2)
    throw new Fault(`the fault cannot be made any more: its place does not stand once in deploy/terraform/${folder}/${file}`, find)
  if (by !== 'init' && by !== 'fmt') await tofu.init(folder)
  await writeFile(path, whole.replace(find, () => replace))
  const { refused, words } = await attempt(tofu, folder, by)
  if (!refused) throw new Fault(`it was not refused by ${by}`)
  // Long lines are broken and set in bars.
  if (!says.test(words.replaceAll(/\s*\n[\s│╷╵]*/g, ' '))) throw new Fault(`it was refused, but not in words like ${String(says)}`, words)
}

async function attempt (
  tofu: Workspace,
  folder: Folder,
  by: Deliberate['by']
): Promise<{ readonly refused: boolean, readonly words: string }> {
  if (by.startsWith('tests/')) {
    const { failed, words } = await test(tofu, folder, [`-filter=${by}`])
    return { refused: failed > 0, words }
  }
  const { code, stdout, stderr } = await tofu.run(
    folder,
    { fmt: ['fmt', '-check'], init: INIT, validate: VALIDATE }[by as 'fmt' | 'init' | 'validate']
  )
  return { refused: code !== 0, words: stdout + stderr }
}
