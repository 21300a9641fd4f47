// Units of the fields of alerts, in the syntax of FITS. Sources: the units of the survey's database schema, as in the table that Rubin's
// Herald publishes, and the docs of the alert schemas. Units outside FITS are converted: a metric tonne is a Mg.
import { surveyAliases } from '../avro/survey-aliases.ts'

/** Fields by unit. */
const fieldsByUnit: Readonly<Record<string, string>> = {
  'nJy': 'apFlux psfFlux scienceFlux templateFlux trailFlux dipoleMeanFlux dipoleFluxDiff diffFlux snapDiffFlux fpBkgd ' +
    'diaNoise',
  'deg': 'ra dec psfRa psfDec trailRa trailDec trailAngle dipoleAngle eclLambda eclBeta galLon galLat ephRa ephDec elongation phaseAngle ' +
    'i node argperi mean_anomaly M peri incl residualRa residualDec',
  'deg**2': 'ra_dec_Cov ra_decl_Cov',
  'deg/d': 'ephRate ephRateRa ephRateDec mean_motion',
  'arcsec': 'trailLength dipoleLength ephOffset ephOffsetRa ephOffsetDec ephOffsetAlongTrack ephOffsetCrossTrack not_normalized_rms',
  'arcsec2': 'ixx iyy ixy ixxPSF iyyPSF ixyPSF',
  'pixel': 'x y bboxSize',
  'd': 'midpointMjdTai radecTai timeProcessedMjdTai timeWithdrawnMjdTai validityStartMjdTai firstDiaSourceMjdTai lastDiaSourceMjdTai ' +
    'epoch epoch_mjd t_p peri_time period arc_length_total arc_length_sel',
  's': 'exposureTime',
  'AU': 'a q earth_moid helioRange topoRange helio_x helio_y helio_z topo_x topo_y topo_z',
  'AU/d': 'heliocentricVX heliocentricVY heliocentricVZ topocentricVX topocentricVY topocentricVZ',
  'km/s': 'helioRangeRate topoRangeRate helio_vx helio_vy helio_vz helio_vtot topo_vx topo_vy topo_vz topo_vtot',
  'mag': 'h mpcH ephVmag',
  'm2 Mg-1': 'srp a1 a2 a3',
  '10**-10 AU d-2': 'yarkovsky'
}

const units = new Map(Object.entries(fieldsByUnit).flatMap(([unit, fields]) => fields.split(' ').map(field => [field, unit])))

/** Fluxes of an object by band, such as g_psfFluxMeanErr. */
const bandFlux = /^[ugrizy]_(psf|fp|science)Flux(Mean|MeanErr|ErrMean|Sigma|Min|Max)$/
const bandSlope = /^[ugrizy]_psfFluxMaxSlope$/

/** Unit of a field of a record, by unqualified names of any schema version. Undefined if the field has none, or if it is not known. */
export function unitOf (record: string, field: string): string | undefined {
  const name = currentName(record, field)
  if (bandFlux.test(name)) return 'nJy'
  if (bandSlope.test(name)) return 'nJy/d'
  // The uncertainty of a field has its unit.
  return units.get(name) ?? units.get(name.replace(/(Err|_unc)$/, ''))
}

/** Units that the docs of the schemas give in brackets at the end, and that are those of FITS. */
const documented = new Set([...Object.keys(fieldsByUnit), 'arcsec**2'])

/** Unit that the doc of a field states, such as `Flux [nJy].` Undefined if it states none in the syntax of FITS. */
export function unitInDoc (doc: string): string | undefined {
  const unit = /\[([^\][]+)\]\.?$/.exec(doc)?.[1]
  return unit !== undefined && documented.has(unit) ? unit : undefined
}

const current = new Map(Object.entries(surveyAliases).flatMap(([record, names]) =>
  Object.entries(names).flatMap(([name, older]) => older.map(old => [`${record}.${old}`, name] as const))))

/** The name of a field in the newest schema version. */
export function currentName (record: string, field: string): string {
  return current.get(`${record}.${field}`) ?? field
}
