import type { Group } from '../check.ts'
import { apiserver } from './apiserver.ts'
import { charts } from './charts.ts'
import { image } from './image.ts'
import { lint } from './lint.ts'
import { program } from './program.ts'
import { proxy } from './proxy.ts'
import { rules } from './rules.ts'
import { system } from './system.ts'
import { terraform } from './terraform.ts'

/** In the order in which they run. */
export const groups: readonly Group[] = [charts, program, system, rules, lint, proxy, image, terraform, apiserver]
