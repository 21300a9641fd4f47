// What the survey changed between versions of its alert schemas without telling Avro: fields renamed without an alias, and fields made
// required without a default. Both tables were read off the published schemas 3.0 ... 11.1. The reader's schema text is never changed:
// the tables act during resolution only, and what is encoded is exactly the reader's schema.

/** By unqualified record name and reader field: names the field had in older schemas. The newest name comes first. */
export type FieldAliases = Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>

/** By unqualified record name and reader field: the value where the writer has no such field, or has null and the reader takes none. */
export type FieldFillIns = Readonly<Record<string, Readonly<Record<string, unknown>>>>

const bands = ['u', 'g', 'r', 'i', 'z', 'y']

/**
 * Renames that keep meaning and unit; part of every resolution unless another table is given. `alertId` always carried the id of the
 * triggering DiaSource, which schema 8.0 then named it; `midPointTai` became `midpointMjdTai` in 5.0, the 10.0 ssSource renamed most
 * of its coordinates.
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
 * Fields that newer schemas require and older alerts cannot know: NaN for a time or an angle that was not recorded, 0 for a count or
 * an id. Avro has no such rule, so these are used only where the caller asks for them; without them resolution names the fields.
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
