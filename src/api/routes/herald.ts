// The routes of Rubin's Herald (SQR-114) under /api/alerts, so that its clients need only another base URL. /api/cutouts, /api/schema and
// /api/links are aliases.
import type { FastifyInstance } from 'fastify'
import type { AlertForms } from '../alert-forms.ts'
import { useHeraldErrors } from '../herald.ts'
import { heraldAlertsRoute } from './herald/alerts.ts'
import { heraldCutoutsRoute } from './herald/cutouts.ts'
import { heraldLinksRoute } from './herald/links.ts'
import { heraldSchemaRoute } from './herald/schema.ts'

export interface HeraldOptions {
  readonly forms: Pick<AlertForms, 'send'>
}

/** `publicPrefix`: prefix of every path of the server. */
export async function heraldRoutes (
  app: FastifyInstance, { forms, publicPrefix }: HeraldOptions & { readonly publicPrefix: string }
): Promise<void> {
  useHeraldErrors(app)
  await app.register(heraldAlertsRoute, { forms })
  await app.register(heraldCutoutsRoute, { forms })
  await app.register(heraldSchemaRoute, { forms })
  await app.register(heraldLinksRoute, { publicPrefix })
}
