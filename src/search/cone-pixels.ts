// The HEALPix pixels that a cone can touch, as ranges of order 29 in the nested scheme (Górski et al. 2005, ApJ 622, 759). The ranges cover
// the cone; they may also contain positions near it.
import type { Cone } from './cone.ts'

/** Pixel numbers, both inclusive. */
export interface PixelRange { readonly first: bigint, readonly last: bigint }

const fullOrder = 29
/** Pixels of this order have 0.2 arcmin, so that smaller cones gain nothing from smaller pixels. */
const maxOrder = 14
const degree = Math.PI / 180
/** Margin for rounding, in radians (0.2 milli-arcseconds). */
const margin = 1e-9
/** Ring and longitude of the faces, as multiples of the number of sides. */
const faceRing = [2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4]
const faceLongitude = [1, 3, 5, 7, 0, 2, 4, 6, 1, 3, 5, 7]

/** The ranges in ascending order. */
export function conePixels ({ ra, dec, radius }: Cone): readonly PixelRange[] {
  const centre = unitVector(Math.sin(dec * degree), ra * degree)
  const coneRadius = radius * degree + margin
  let order = 0
  while (order < maxOrder && pixelRadius(order) > coneRadius) order++
  const ranges: PixelRange[] = []
  for (let face = 0; face < 12; face++) descend(0, face, face, 0, 0)
  return ranges

  function descend (depth: number, number: number, face: number, x: number, y: number): void {
    const distance = angle(centre, pixelCentre(depth, face, x, y))
    const size = pixelRadius(depth)
    if (distance > coneRadius + size + margin) return
    if (depth < order && distance + size > coneRadius) {
      for (let child = 0; child < 4; child++) descend(depth + 1, 4 * number + child, face, 2 * x + child % 2, 2 * y + (child >> 1))
      return
    }
    const shift = BigInt(2 * (fullOrder - depth))
    const first = BigInt(number) << shift
    const last = ((BigInt(number) + 1n) << shift) - 1n
    const before = ranges.at(-1)
    if (before !== undefined && before.last + 1n === first) ranges[ranges.length - 1] = { first: before.first, last }
    else ranges.push({ first, last })
  }
}

type Vector = readonly [number, number, number]

function unitVector (z: number, longitude: number): Vector {
  const r = Math.sqrt(Math.max(0, (1 - z) * (1 + z)))
  return [r * Math.cos(longitude), r * Math.sin(longitude), z]
}

/** Angle between unit vectors in radians, exact also for small angles. */
function angle ([a, b, c]: Vector, [x, y, z]: Vector): number {
  return 2 * Math.asin(Math.min(1, Math.hypot(a - x, b - y, c - z) / 2))
}

/** Largest distance of a corner of a pixel from its centre, in radians. */
function pixelRadius (order: number): number {
  const sides = 2 ** order
  return angle(unitVector(2 / 3, Math.PI / (4 * sides)), unitVector(1 - (1 - 1 / sides) ** 2 / 3, 0))
}

function pixelCentre (order: number, face: number, x: number, y: number): Vector {
  const sides = 2 ** order
  const ring = faceRing[face]! * sides - x - y - 1
  const inRing = ring < sides ? ring : ring > 3 * sides ? 4 * sides - ring : sides
  const cap = inRing * inRing / (3 * sides * sides)
  const z = ring < sides ? 1 - cap : ring > 3 * sides ? cap - 1 : (2 * sides - ring) * 2 / (3 * sides)
  const shift = inRing === sides && ring >= sides && ring <= 3 * sides ? (ring - sides) % 2 : 0
  const place = (faceLongitude[face]! * inRing + x - y + 1 + shift) / 2
  return unitVector(z, (place - (shift + 1) / 2) * Math.PI / (2 * inRing))
}
