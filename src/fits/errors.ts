// Errors of the FITS writers and of the FITS reader.
import { defineErrors } from '../pipeline/errors.ts'

export const fitsErrors = defineErrors({
  FITS_INVALID: {
    hint: 'Use keywords of 1 to 8 characters (A-Z 0-9 _ -), printable ASCII text, finite numbers, and width x height pixels.'
  },
  FITS_UNREADABLE: { hint: 'Check the program that wrote the FITS file.' },
  FITS_NO_WCS: { hint: 'Use an image with CRPIX, CRVAL and CD of a tangent-plane projection (TAN).' }
})
