// All groups of checks, in the order in which they run: the quick ones first.
import type { Group } from '../check.ts'
import { acls } from './acls.ts'
import { apiserver } from './apiserver.ts'
import { containerfile } from './containerfile.ts'
import { faults } from './faults.ts'
import { helm } from './helm.ts'
import { image } from './image.ts'
import { ingress } from './ingress.ts'
import { program } from './program.ts'
import { system } from './system.ts'
import { terraform } from './terraform.ts'
import { umbrella } from './umbrella.ts'
import { workflows } from './workflows.ts'

export const groups: readonly Group[] = [
  acls,
  workflows,
  containerfile,
  helm,
  program,
  terraform,
  faults,
  ingress,
  umbrella,
  system,
  apiserver,
  image
]
