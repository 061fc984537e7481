/**
 * The frame around every page: rail, top bar, banners, and the keys that hold everywhere. Called by the app
 * once somebody is signed in.
 */
import { type ReactNode, useCallback, useState } from 'react'
import { usePreference } from '../kit/preference.ts'
import { text } from '../text/text.ts'
import { Announcer } from './announcer.tsx'
import { ConfigBanner, ConnectionBanner } from './banners.tsx'
import { HelpDialog } from './help.tsx'
import { Rail } from './rail.tsx'
import { TopBar } from './top-bar.tsx'
import { useShellKeys } from './use-shell-keys.ts'

export function Shell({ onSignOut, children }: { onSignOut: () => void; children: ReactNode }) {
  const [isHelpOpen, setHelpOpen] = useState(false)
  const [width, setWidth] = usePreference('rail', ['wide', 'narrow'], 'wide')
  const openHelp = useCallback(() => setHelpOpen(true), [])
  const closeHelp = useCallback(() => setHelpOpen(false), [])
  useShellKeys({ openHelp })
  return (
    <div className={`shell shell-${width}`}>
      <a className="skip" href="#content">
        {text.shell.skip}
      </a>
      <TopBar onHelp={openHelp} onSignOut={onSignOut} />
      <Rail isWide={width === 'wide'} onToggle={() => setWidth(width === 'wide' ? 'narrow' : 'wide')} />
      <div className="shell-main">
        <ConnectionBanner />
        <ConfigBanner />
        <main className="page" id="content" tabIndex={-1}>
          {children}
        </main>
      </div>
      <Announcer />
      {isHelpOpen && <HelpDialog onClose={closeHelp} />}
    </div>
  )
}
