// HEALPix numbers in the nested scheme, of any order up to 29 (Górski et al. 2005, ApJ 622, 759). A number is exact: 4 bits of the base
// pixel, then two bits for each order.

const maxOrder = 29

/**
 * Number of the pixel that contains a position, in the nested scheme. undefined if the position is not on the sphere.
 * @param ra right ascension in degrees; any finite number, because it wraps at 360
 * @param dec declination in degrees, from -90 to 90
 * @throws RangeError unless the order is a whole number from 0 to 29
 */
export function healpixNested (order: number, ra: number, dec: number): bigint | undefined {
  if (!Number.isInteger(order) || order < 0 || order > maxOrder) {
    throw new RangeError(`the order of HEALPix is 0 to ${maxOrder}, not ${order}`)
  }
  if (!Number.isFinite(ra) || !(Math.abs(dec) <= 90)) return undefined
  const sides = 2 ** order
  // Quarter turns from 0 to 4. Degrees need one rounding less than radians.
  const wrapped = (ra / 90) % 4
  const turns = wrapped < 0 ? (wrapped + 4) % 4 : wrapped
  const z = Math.sin(dec * Math.PI / 180)
  if (Math.abs(z) <= 2 / 3) {
    // The equatorial region: lines of constant x and y are straight in (turns, z).
    const ascending = Math.floor(sides * (0.5 + turns) - sides * z * 0.75)
    const descending = Math.floor(sides * (0.5 + turns) + sides * z * 0.75)
    const up = Math.floor(ascending / sides)
    const down = Math.floor(descending / sides)
    const face = up === down ? up % 4 + 4 : up < down ? up : down + 8
    return pixel(order, face, descending - down * sides, sides - 1 - (ascending - up * sides))
  }
  // A polar cap. sqrt(3 (1 - |z|)) would lose most digits near the pole, so it is calculated from the distance to the pole.
  const quarter = Math.min(3, Math.floor(turns))
  const radius = sides * Math.sqrt(6) * Math.sin((90 - Math.abs(dec)) * Math.PI / 360)
  const x = Math.min(sides - 1, Math.floor((turns - quarter) * radius))
  const y = Math.min(sides - 1, Math.floor((1 - (turns - quarter)) * radius))
  return z > 0 ? pixel(order, quarter, sides - 1 - y, sides - 1 - x) : pixel(order, quarter + 8, x, y)
}

/** Interleaves the bits of x (even) and y (odd) below those of the face. */
function pixel (order: number, face: number, x: number, y: number): bigint {
  const low = (spread(x & 0xffff) | (spread(y & 0xffff) << 1)) >>> 0
  if (order <= 16) return BigInt(face * 4 ** order + low)
  const high = spread(x >>> 16) | (spread(y >>> 16) << 1)
  return (BigInt(face * 4 ** (order - 16) + high) << 32n) | BigInt(low)
}

/** Moves each of the low 16 bits to twice its place. */
function spread (bits: number): number {
  bits = (bits | (bits << 8)) & 0x00ff00ff
  bits = (bits | (bits << 4)) & 0x0f0f0f0f
  bits = (bits | (bits << 2)) & 0x33333333
  return (bits | (bits << 1)) & 0x55555555
}
