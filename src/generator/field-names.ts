// Maps the field names of the survey's schemas 3.0 to 11.1 (`psFlux`, `decl`, `filterName`, `gPSFluxMean`, `eclipticLambda` ...) to
// canonical names, so that each field needs only one rule. The canonical name is the name in the newest version that has the field.

const renamedFields = new Map(Object.entries({
  filterName: 'band',
  midPointTai: 'midpointMjdTai',
  radecTai: 'radecMjdTai',
  is_negative: 'isNegative',
  time_processed: 'timeProcessedMjdTai',
  time_withdrawn: 'timeWithdrawnMjdTai',
  validityStart: 'validityStartMjdTai',
  numObs: 'nObs',
  firstObservationDate: 'firstObservationMjdTai',
  medianExtendedness: 'extendednessMedian',
  minExtendedness: 'extendednessMin',
  maxExtendedness: 'extendednessMax',
  eclipticLambda: 'eclLambda',
  eclipticBeta: 'eclBeta',
  galacticL: 'galLon',
  galacticB: 'galLat',
  predictedVMagnitude: 'ephVmag',
  residualRa: 'ephOffsetRa',
  residualDec: 'ephOffsetDec',
  heliocentricDist: 'helioRange',
  topocentricDist: 'topoRange',
  mpcDesignation: 'designation',
  mpcH: 'h',
  incl: 'i',
  peri: 'argperi',
  t_p: 'peri_time',
  M: 'mean_anomaly',
  epoch: 'epoch_mjd'
}))

const fluxKinds: Readonly<Record<string, string>> = { PS: 'psf', FP: 'fp', TOT: 'science' }

/** Returns the canonical name of a field. If the name has no known renaming, returns the name unchanged. */
export function canonicalName (name: string): string {
  const renamed = renamedFields.get(name)
  if (renamed !== undefined) return renamed
  return name
    .replace(/^([ugrizy])(PS|FP|TOT)Flux/, (_, band: string, kind: string) => `${band}_${fluxKinds[kind]!}Flux`)
    .replace(/^([ugrizy])(H|G1|G2|G12|Chi2|Ndata)(Err)?$/, '$1_$2$3')
    .replace(/(^|_)decl(?=Err|_|$)/, '$1dec')
    .replace(/Decl/g, 'Dec')
    .replace(/(^|_)ps(?=Flux|Ra|Dec|LnL|Chi2|Ndata)/g, '$1psf')
    .replace(/(^|_)dip(?=[A-Z])/g, '$1dipole')
    .replace(/(^|_)totFlux/g, '$1scienceFlux')
    .replace(/^(helio|topo)centric(V?[XYZ])$/, (_, origin: string, component: string) => `${origin}_${component.toLowerCase()}`)
}
