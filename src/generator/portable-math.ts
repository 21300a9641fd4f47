// Elementary functions that return the same bits on every machine. ECMAScript leaves the precision of Math.exp, Math.log and Math.sin to
// the engine, so these functions use only + - * / and Math.sqrt, which IEEE 754 rounds exactly. Relative errors are below 1e-14 for the
// arguments that the generator uses.

const LN2_HIGH = 0.693147180369123816490
const LN2_LOW = 1.90821492927058770002e-10
const HALF_PI_HIGH = 1.57079632673412561417
const HALF_PI_LOW = 6.07710050650619224932e-11
export const DEGREE = Math.PI / 180

const bits = new DataView(new ArrayBuffer(8))

// Powers of two by repeated doubling and halving, because engines may approximate `2 ** k`.
const EXPONENTS = 1023
const powersOfTwo = new Float64Array(2 * EXPONENTS)
powersOfTwo[EXPONENTS] = 1
for (let k = 1; k < EXPONENTS; k++) {
  powersOfTwo[EXPONENTS + k] = powersOfTwo[EXPONENTS + k - 1]! * 2
  powersOfTwo[EXPONENTS - k] = powersOfTwo[EXPONENTS - k + 1]! / 2
}

/** e^x for |x| < 700. */
export function exp (x: number): number {
  const k = Math.round(x / (LN2_HIGH + LN2_LOW))
  const r = (x - k * LN2_HIGH) - k * LN2_LOW
  let sum = 1
  for (let n = 14; n >= 1; n--) sum = 1 + sum * r / n
  return sum * powersOfTwo[EXPONENTS + k]!
}

/** Natural logarithm. `x` must be positive and not subnormal. */
export function ln (x: number): number {
  bits.setFloat64(0, x)
  const high = bits.getUint32(0)
  let exponent = (high >>> 20) - 1023
  bits.setUint32(0, (high & 0xfffff) | 0x3ff00000)
  let mantissa = bits.getFloat64(0)
  if (mantissa > 1.4142135623730951) {
    mantissa /= 2
    exponent++
  }
  const s = (mantissa - 1) / (mantissa + 1)
  const z = s * s
  let series = 1 / 17 + z / 19
  for (let n = 15; n >= 1; n -= 2) series = 1 / n + z * series
  return exponent * LN2_HIGH + (exponent * LN2_LOW + 2 * s * series)
}

/** `base` must be positive. */
export function power (base: number, exponent: number): number {
  return exp(exponent * ln(base))
}

/** `x` in radians, |x| < 1e5. */
export function sin (x: number): number {
  return sineOfQuadrant(x, 0)
}

/** `x` in radians, |x| < 1e5. */
export function cos (x: number): number {
  return sineOfQuadrant(x, 1)
}

// sin(x + shift * pi / 2): reduces x to [-pi/4, pi/4], then sums the Taylor series of sine or cosine.
function sineOfQuadrant (x: number, shift: number): number {
  const k = Math.round(x / (HALF_PI_HIGH + HALF_PI_LOW))
  const r = (x - k * HALF_PI_HIGH) - k * HALF_PI_LOW
  const z = r * r
  const turn = (((k + shift) % 4) + 4) % 4
  let value: number
  if (turn % 2 === 0) {
    value = 1
    for (let n = 18; n >= 2; n -= 2) value = 1 - value * z / (n * (n + 1))
    value *= r
  } else {
    value = 1
    for (let n = 17; n >= 1; n -= 2) value = 1 - value * z / (n * (n + 1))
  }
  return turn >= 2 ? -value : value
}

/** Polar angle of the point (x, y) in radians, -pi to pi. */
export function atan2 (y: number, x: number): number {
  if (x === 0 && y === 0) return 0
  const steep = Math.abs(y) > Math.abs(x)
  const small = atanSmall(steep ? Math.abs(x / y) : Math.abs(y / x))
  let angle = steep ? Math.PI / 2 - small : small
  if (x < 0) angle = Math.PI - angle
  return y < 0 ? -angle : angle
}

// Arctangent for 0 <= t <= 1. Three half-angle steps divide the angle by 8 before the Taylor series is summed.
function atanSmall (t: number): number {
  let reduced = t
  for (let i = 0; i < 3; i++) reduced = reduced / (1 + Math.sqrt(1 + reduced * reduced))
  const z = reduced * reduced
  let series = 0
  for (let n = 21; n >= 1; n -= 2) series = 1 / n - z * series
  return 8 * reduced * series
}
