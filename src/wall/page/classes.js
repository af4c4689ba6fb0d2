// Classes of assets: which shape a class has, and what people call it.

const FAMILIES = [
  ['circle', ['pump', 'infusion', 'syringe']],
  ['square', ['bed', 'stretcher', 'mattress', 'trolley', 'crib', 'incubator', 'cot']],
  ['triangle', ['chair', 'wheelchair', 'walker', 'commode', 'rollator']],
  ['diamond', ['monitor', 'telemetry', 'vitals']],
  ['hexagon', ['ventilator', 'respirator', 'oxygen', 'cpap', 'suction', 'concentrator']],
  ['pentagon', ['ultrasound', 'scanner', 'xray', 'imaging', 'bladder', 'camera', 'endoscope']],
  ['cross', ['defibrillator', 'ecg', 'aed', 'resuscitation', 'crash']],
  ['wedge', ['hoist', 'lift', 'scale', 'lifter']],
];

/** The shape of a class's family; an octagon where the family is not known. */
export function shapeOf(classId) {
  const words = classId.toLowerCase().split(/[^a-z0-9]+/);
  for (const [shape, names] of FAMILIES) if (words.some((word) => names.includes(word))) return shape;
  return 'octagon';
}

/** What people call a class; an unknown one by its id in words. */
export function className(classId, text, form = '') {
  const key = `class.${classId}${form}`;
  if (text.has(key)) return text.t(key);
  if (form && text.has(`class.${classId}`)) return text.t(`class.${classId}`);
  const words = classId.replace(/[-_.]+/g, ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Inside a sentence: without the capital that it has on a button. */
export function classInSentence(classId, text) {
  const name = className(classId, text);
  // An abbreviation (ECG) keeps its capitals.
  return /^[A-ZÆØÅ]{2}/.test(name) ? name : name.charAt(0).toLowerCase() + name.slice(1);
}

// What a hospital asks for most comes first where the address doesn't say.
const ORDER = ['infusion-pump', 'wheelchair', 'bed', 'patient-monitor', 'syringe-pump', 'ventilator', 'ultrasound'];

/** Classes in the order of the tiles. */
export function tileOrder(classes, text) {
  const rank = (id) => (ORDER.includes(id) ? ORDER.indexOf(id) : ORDER.length);
  return [...classes].sort((a, b) => rank(a) - rank(b) || text.compare(className(a, text), className(b, text)));
}
