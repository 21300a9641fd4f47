// Cones on the sphere: bounds of right ascension and declination, by which segments and row groups are skipped, and the exact test in SQL.

/** Degrees. */
export interface Cone {
  readonly ra: number
  readonly dec: number
  readonly radius: number
}

/** An interval of numbers, both ends inclusive. */
export interface Interval { readonly min: number, readonly max: number }

interface ConeBounds {
  readonly dec: Interval
  /** Positions of the cone are in one of the intervals. Two intervals if the cone contains the meridian of ra 0. */
  readonly ra: readonly Interval[]
}

/** Margin for the rounding of positions and of the bounds, in degrees (36 micro-arcseconds). */
const margin = 1e-8
const degree = Math.PI / 180

/** The smallest box of right ascension and declination around a cone. Around a pole, it has every right ascension. */
export function coneBounds ({ ra, dec, radius }: Cone): ConeBounds {
  const decBounds = { min: dec - radius - margin, max: dec + radius + margin }
  if (decBounds.min <= -90 || decBounds.max >= 90) return { dec: decBounds, ra: [{ min: 0, max: 360 }] }
  const half = Math.asin(Math.min(1, Math.sin((radius + margin) * degree) / Math.cos(dec * degree))) / degree + margin
  const [min, max] = [ra - half, ra + half]
  if (min < 0) return { dec: decBounds, ra: [{ min: 0, max }, { min: min + 360, max: 360 }] }
  if (max >= 360) return { dec: decBounds, ra: [{ min, max: 360 }, { min: 0, max: max - 360 }] }
  return { dec: decBounds, ra: [{ min, max }] }
}

/**
 * Angular distance of the columns ra and dec to a position, in degrees. The haversine formula is exact to 1e-13 degrees, except near the
 * antipode.
 * @param ra SQL of the right ascension in degrees
 * @param dec SQL of the declination in degrees
 */
export function distanceSql (ra: string, dec: string): string {
  const half = (difference: string): string => `pow(sin(radians(${difference}) / 2), 2)`
  return `degrees(2 * asin(sqrt(least(1, ${half(`"dec" - ${dec}`)} + ` +
    `cos(radians("dec")) * cos(radians(${dec})) * ${half(`"ra" - ${ra}`)}))))`
}
