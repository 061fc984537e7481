/** German words of the area "capability". */
import type { Messages } from '../en/index.ts'
import { countTasks, plural } from './count.ts'

export const capability: Messages['capability'] = {
  title: 'Gruppen und Verträge',
  caption: 'Funktionen nach Gruppe und Vertrag',
  function: 'Funktion',
  filter: 'Funktion suchen',
  noMatch: (words) => `Keine Funktion passt zu „${words}“.`,
  empty: 'Noch keine Funktionen',
  emptyTeach: 'Sobald ein Worker verbunden ist, stehen seine Funktionen hier nach Gruppe und Vertrag.',
  served: (functions, contracts) =>
    `${functions} ${plural(functions, 'Funktion', 'Funktionen')} unter ${contracts} ${plural(contracts, 'Vertrag', 'Verträgen')}; was wartet, findet jemanden.`,
  starved: (n, name, at, waiting) =>
    n === 1
      ? `${countTasks(waiting)} ${plural(waiting, 'wartet', 'warten')} auf ${name} von ${at}, das niemand im Dienst hat.`
      : `Auf ${n} Funktionen wartet etwas, das niemand im Dienst nehmen kann; zuerst ${name} von ${at} (${waiting}).`,
  workers: (n) => `${n} Worker`,
  notServed: 'dort nicht bedient',
  cellLabel: (name, at) => `${name} von ${at}`,
  figures: (capable, free, waiting) => `${capable} Worker im Dienst, ${free} Slots frei, ${waiting} wartend`,
  inService: () => 'Worker im Dienst',
  freeSlots: (n) => `${plural(n, 'Slot', 'Slots')} frei`,
  waiting: 'wartend',
  legend: {
    cell: 'Worker im Dienst / freie Slots / wartend',
    starved: 'etwas wartet, niemand kann es nehmen',
    nobody: 'niemand im Dienst',
  },

  cell: {
    capable: 'Worker im Dienst',
    ofListed: (capable, listed) => `${capable} von ${listed}`,
    free: 'Freie Slots',
    waiting: 'Wartend',
    function: 'Funktion',
    openFunction: 'Beschreibung, Zahlen, Aufruf',
    schemas: 'Schemata',
    input: 'Eingabe',
    output: 'Ausgabe',
    difference: 'Unterschied',
    noOutput: 'Sie nennt keine Ausgabe.',
    unknown: 'Noch kein Worker hat ihr Schema genannt.',
    onlyOne: 'Kein anderer Vertrag hat diese Funktion.',
    comparedWith: 'Verglichen mit',
    same: 'Eingabe und Ausgabe sind dort gleich.',
  },

  group: {
    title: (group) => `Gruppe ${group}`,
    workers: 'Worker',
    defaultContract: 'Vorgabe des Vertrags',
    automatic: 'Automatisch',
    automaticDetail: 'der neueste mit mindestens der Hälfte der Slots im Dienst',
    pause: 'Pause',
    pauseIt: 'Gruppe anhalten…',
    paused: 'Angehalten',
    since: 'seit',
    until: 'bis',
    resume: 'Fortsetzen',
    resumed: (group) => `${group} läuft weiter.`,
    now: 'Jetzt',
    workersOfIt: 'Worker des neuen',
    arrivals: 'Aufgaben pro Minute',
    defaultTitle: (group, contract) => `Vorgabe des Vertrags von ${group}: ${contract}?`,
    defaultLead: 'Aufgaben ohne Vertrag gehen von jetzt an dorthin; was schon wartet, bleibt, wo es ist.',
    defaultSet: (group, contract) => `Die Vorgabe des Vertrags von ${group} ist ${contract}.`,
    setIt: 'Vorgabe setzen',
  },

  pause: {
    title: (group) => `Gruppe ${group} anhalten?`,
    lead: 'Nichts von ihr beginnt bis dahin. Läufe auf der Platte warten; Aufgaben im Speicher werden abgelehnt. Was läuft, läuft weiter.',
    arrivals: 'Aufgaben pro Minute, die warten oder abgelehnt werden',
    waiting: 'Wartet jetzt',
    until: 'Wie lange',
    untilHint: 'Danach geht es von selbst weiter.',
    noneHint: 'Bis jemand fortsetzt.',
    confirm: 'Gruppe anhalten',
    done: (group) => `${group} ist angehalten.`,
  },
}
