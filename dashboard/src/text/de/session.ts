/** German words of the area "session". */
import type { Messages } from '../en/index.ts'

export const session: Messages['session'] = {
  role: 'Rolle',
  roles: { operator: 'Operator', viewer: 'Betrachter' },
  roleWords: {
    operator: 'sieht und ändert alles',
    viewer: 'sieht alles und ändert nichts',
  },
  viewerOnly: 'Braucht die Rolle Operator; diese Sitzung ist die eines Betrachters.',
  menu: 'Sitzung',
  expiresAt: 'Angemeldet bis',

  signIn: {
    title: 'Anmelden',
    lead: 'Das Dashboard dieses Balancers braucht dessen Schlüssel.',
    key: 'Schlüssel',
    keyHint: 'Der Wert von LB_AUTH_KEY; mit dem von READ_KEY sieht man alles und ändert nichts.',
    submit: 'Anmelden',
    working: 'Meldet an…',
    checking: 'Prüft die Sitzung…',
    wrongKey: 'Dieser Schlüssel ist nicht der richtige.',
    badToken: 'Diese Anmeldeadresse gilt nicht mehr: sie gilt einmal und 15 Minuten lang.',
    stillSignedIn: 'Die Anmeldung bleibt, wie sie war',
    tooMany: 'Zu viele Versuche. Vor dem nächsten eine Minute warten.',
    unreachable: 'Der Balancer hat nicht geantwortet. Läuft er?',
    failed: (status) => `Der Balancer hat abgelehnt (${status}).`,
    ended: 'Die Sitzung ist zu Ende.',
    empty: 'Bitte erst den Schlüssel eingeben.',
    cureBefore: 'Ohne den Schlüssel auf dem Rechner des Balancers',
    cureAfter: 'ausführen: es gibt eine Adresse aus, die anmeldet.',
    command: 'npx -y pnpm@12 berth token',
  },
}
