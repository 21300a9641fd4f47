// What the checks of ingresses take from charts: objects as Helm renders them, and the program's arguments with some of them changed.
import { join } from 'node:path'
import { Fault, type Context } from '../check.ts'
import { objectsOf } from '../schemas/files.ts'
import { templateArgs, type KubernetesObject, type TemplateOptions } from '../helm/render.ts'

/** With hooks and tests. */
export async function templated (context: Context, chart: string, options: TemplateOptions): Promise<readonly KubernetesObject[]> {
  return objectsOf(
    await context.must(await context.tool('helm'), templateArgs(join(context.root, 'deploy', 'helm', chart), options)),
    chart
  ) as KubernetesObject[]
}

/** The one object of this kind whose name is, or ends with, `name`. */
export function pick<T extends KubernetesObject> (objects: readonly KubernetesObject[], kind: string, name = ''): T {
  const found = objects.filter(object => object.kind === kind && object.metadata.name.endsWith(name))
  const [object] = found
  if (object === undefined || found.length > 1) throw new Fault(`${found.length} objects ${kind} ${name}, expected one`)
  return object as T
}

/** `--flag=value` arguments with other values; one that is not there is a fault, as the check would run something else than the pod. */
export function withFlags (args: readonly string[], changes: Readonly<Record<string, string>>): string[] {
  for (const flag of Object.keys(changes))
    if (!args.some(arg => arg.startsWith(`--${flag}=`))) throw new Fault(`the pod is not started with --${flag}`, args.join(' '))
  return args.map(arg => {
    const [, flag = ''] = /^--([^=]+)=/.exec(arg) ?? []
    const value = changes[flag]
    return value === undefined ? arg : `--${flag}=${value}`
  })
}

export interface PodSpec {
  readonly containers: ReadonlyArray<{ readonly command?: readonly string[], readonly args?: readonly string[] }>
}

/** Of the first container. */
export function argsOf (spec: unknown): readonly string[] {
  return ((spec as { template?: { spec: PodSpec } }).template?.spec ?? spec as PodSpec).containers[0]?.args ?? []
}
