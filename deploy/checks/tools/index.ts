// The tools of the checks: `pins.ts` is their table, the other files are the ways in which they come.
import type { Recipe } from './recipe.ts'
import { recipes, type ToolName } from './pins.ts'
import { Toolbox as AnyToolbox, type ToolboxOptions } from './toolbox.ts'

export type { Recipe, ToolName }

export class Toolbox extends AnyToolbox<ToolName> {
  constructor (options: ToolboxOptions) {
    super(recipes, options)
  }
}
