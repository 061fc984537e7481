/** English words of the area "session". */
export const session = {
  role: 'Role',
  roles: { operator: 'Operator', viewer: 'Viewer' },
  roleWords: {
    operator: 'sees and changes everything',
    viewer: 'sees everything and changes nothing',
  },
  viewerOnly: 'Needs the role operator; this session is a viewer.',
  menu: 'Session',
  expiresAt: 'Signed in until',

  signIn: {
    title: 'Sign in',
    lead: 'The dashboard of this balancer needs its key.',
    key: 'Key',
    keyHint: 'The value of LB_AUTH_KEY; that of READ_KEY lets you look and change nothing.',
    submit: 'Sign in',
    working: 'Signing in…',
    checking: 'Checking the session…',
    wrongKey: 'This key is not the right one.',
    badToken: 'This sign-in address no longer works: it is good once and for 15 minutes.',
    stillSignedIn: 'You stay signed in as before',
    tooMany: 'Too many tries. Wait a minute before the next one.',
    unreachable: 'The balancer did not answer. Is it running?',
    failed: (status: number) => `The balancer refused (${status}).`,
    ended: 'The session has ended.',
    empty: 'Enter the key first.',
    cureBefore: 'Without the key at hand, run',
    cureAfter: 'on the balancer’s machine: it prints an address that signs you in.',
    command: 'npx -y pnpm@12 berth token',
  },
}
