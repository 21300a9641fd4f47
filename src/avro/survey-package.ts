// The pinned release of the survey's schema package on the Python package index. It contains the schemas 3.0 to 11.1.

/** The image build (Containerfile) also reads this pin. */
export const surveyPackage = {
  name: 'lsst-alert-packet',
  version: '30.2026.2700',
  wheel: 'lsst_alert_packet-30.2026.2700-py3-none-any.whl',
  sha256: 'ee1992cba0bcd218d6806dd5bbded835d61dbd5506e204202e27ef27b3550a9c'
} as const
