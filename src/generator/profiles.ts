// Profiles of generated alerts: `design` follows the survey's design documents, `rubin-2026` the alerts that Rubin publishes in 2026.
import type { CutoutLayout } from './cutouts.ts'
import type { FitFractions } from './dia-source.ts'
import { visitsOfField, visitsOfObjects, type EarlierVisits } from './earlier-visits.ts'
import type { HistoryLengths } from './history.ts'
import type { Visit } from './visits.ts'

export interface AlertProfile {
  /** Mean size of an Avro datum, with cutouts. */
  readonly meanBytes: number
  readonly history: HistoryLengths
  readonly earlierVisits: (seed: number, current: Visit) => EarlierVisits
  readonly fits: FitFractions
  /** Fields of diaObject that are never measured. */
  readonly unmeasured: ReadonlySet<string>
  readonly cutouts: CutoutLayout
  /** Value of float and double fields that were not measured. */
  readonly missingNumber: null | number
}

export const profileNames = ['design', 'rubin-2026'] as const
export type ProfileName = typeof profileNames[number]

export const alertProfiles: Readonly<Record<ProfileName, AlertProfile>> = {
  /**
   * Of twelve alerts, eleven have small PSF images and one has PSF images as large as in the real alerts of 2025 (138 KB of cutouts). With
   * light curves, an Avro datum has about 82 KB on average. Some have more than 200 KB.
   */
  design: {
    meanBytes: 82_000,
    history: { median: 1.25, sigma: 1.6, longest: 400 },
    earlierVisits: visitsOfObjects,
    fits: { trail: 0.75, dipole: 0.25 },
    unmeasured: new Set(),
    cutouts: {
      period: 12,
      typical: { side: 30, psf: { difference: 17, science: 25, template: 25 } },
      large: { side: 30, psf: { difference: 41, science: 41, template: 77 } },
      wcs: 'complete'
    },
    missingNumber: null
  },
  /**
   * Light curves of one or two bands (83 KB on average without cutouts, at most 500 KB with them), cutouts of the image alone (29 KB). In
   * an alert of a new object, about two thirds of the 123 float and double fields of diaSource and diaObject are NaN.
   */
  'rubin-2026': {
    meanBytes: 112_000,
    history: { median: 78, sigma: 1.6, longest: 800 },
    earlierVisits: visitsOfField,
    fits: { trail: 0.05, dipole: 0.05 },
    unmeasured: new Set(['raErr', 'decErr', 'ra_dec_Cov']),
    cutouts: { period: 8, typical: { side: 30 }, large: { side: 60 }, wcs: 'values' },
    missingNumber: NaN
  }
}
