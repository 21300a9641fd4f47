// Changes between the survey's schema versions that the schemas do not declare: fields renamed without an alias, and fields made required
// without a default. Source: the published schemas 3.0 to 11.1. The tables affect resolution only; schema texts never change.

/** Older names of reader fields, newest first, by unqualified record name and reader field name. */
export type FieldAliases = Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>

/** Values used if a field is absent, or null but not nullable for the reader. Keys: unqualified record name, then reader field name. */
export type FieldFillIns = Readonly<Record<string, Readonly<Record<string, unknown>>>>

const bands = ['u', 'g', 'r', 'i', 'z', 'y']

/**
 * Renames that keep the meaning and the unit. `resolver` uses them by default. `alertId` was always the id of the triggering DiaSource and
 * became `diaSourceId` in 8.0; `midPointTai` became `midpointMjdTai` in 5.0; 10.0 renamed most coordinates of ssSource.
 */
export const surveyAliases: FieldAliases = {
  alert: {
    diaSourceId: ['alertId']
  },
  diaSource: {
    midpointMjdTai: ['midPointTai'],
    band: ['filterName'],
    dec: ['decl'],
    decErr: ['declErr'],
    psfFlux: ['psFlux'],
    psfFluxErr: ['psFluxErr'],
    psfRa: ['psRa'],
    psfDec: ['psDecl'],
    psfLnL: ['psLnL'],
    psfChi2: ['psChi2'],
    psfNdata: ['psNdata'],
    trailDec: ['trailDecl'],
    dipoleMeanFlux: ['dipMeanFlux'],
    dipoleMeanFluxErr: ['dipMeanFluxErr'],
    dipoleFluxDiff: ['dipFluxDiff'],
    dipoleFluxDiffErr: ['dipFluxDiffErr'],
    dipoleLength: ['dipLength'],
    dipoleAngle: ['dipAngle'],
    dipoleChi2: ['dipChi2'],
    dipoleNdata: ['dipNdata'],
    scienceFlux: ['totFlux'],
    scienceFluxErr: ['totFluxErr'],
    isNegative: ['is_negative']
  },
  diaForcedSource: {
    midpointMjdTai: ['midPointTai'],
    band: ['filterName'],
    psfFlux: ['psFlux'],
    psfFluxErr: ['psFluxErr'],
    scienceFlux: ['totFlux'],
    scienceFluxErr: ['totFluxErr']
  },
  diaNondetectionLimit: {
    midpointMjdTai: ['midPointTai'],
    band: ['filterName']
  },
  diaObject: {
    dec: ['decl'],
    decErr: ['declErr'],
    ...Object.fromEntries(bands.flatMap(band => [
      [`${band}_psfFluxMean`, [`${band}PSFluxMean`]],
      [`${band}_psfFluxMeanErr`, [`${band}PSFluxMeanErr`]],
      [`${band}_psfFluxSigma`, [`${band}PSFluxSigma`]],
      [`${band}_psfFluxNdata`, [`${band}PSFluxNdata`]],
      [`${band}_fpFluxMean`, [`${band}FPFluxMean`]],
      [`${band}_fpFluxMeanErr`, [`${band}FPFluxMeanErr`]]
    ]))
  },
  ssSource: {
    eclLambda: ['eclipticLambda'],
    eclBeta: ['eclipticBeta'],
    galLon: ['galacticL'],
    galLat: ['galacticB'],
    helioRange: ['heliocentricDist'],
    topoRange: ['topocentricDist'],
    ephVmag: ['predictedVMagnitude'],
    ...Object.fromEntries(['x', 'y', 'z'].flatMap(axis => [
      [`helio_${axis}`, [`heliocentric${axis.toUpperCase()}`]],
      [`topo_${axis}`, [`topocentric${axis.toUpperCase()}`]]
    ]))
  }
}

/**
 * Values for fields that newer schemas require and older alerts do not have: NaN for an unrecorded time or angle, 0 for a count or an id.
 * The Avro spec has no fill-in values, so a resolver uses this table only if the caller passes it.
 */
export const surveyFillIns: FieldFillIns = {
  diaSource: {
    visit: 0n,
    detector: 0,
    psfNdata: 0,
    trailNdata: 0,
    dipoleNdata: 0,
    timeProcessedMjdTai: NaN,
    bboxSize: 0
  },
  diaForcedSource: {
    visit: 0n,
    detector: 0,
    ra: NaN,
    dec: NaN,
    timeProcessedMjdTai: NaN
  },
  diaObject: {
    validityStartMjdTai: NaN,
    nDiaSources: 0,
    ...Object.fromEntries(bands.map(band => [`${band}_psfFluxNdata`, 0]))
  },
  ssSource: {
    diaSourceId: 0n,
    ssObjectId: 0n,
    eclLambda: NaN,
    eclBeta: NaN,
    galLon: NaN,
    galLat: NaN
  }
}
