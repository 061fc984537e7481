/**
 * The frame around every page: rail, top bar, banners, and the keys that hold everywhere. Called by the app
 * once somebody is signed in.
 */
import { lazy, type ReactNode, Suspense, useCallback, useEffect, useState } from 'react'
import { usePreference } from '../kit/preference.ts'
import { text } from '../text/text.ts'
import { Announcer } from './announcer.tsx'
import { ConfigBanner, ConnectionBanner } from './banners.tsx'
import { HelpDialog } from './help.tsx'
import { Rail } from './rail.tsx'
import { TopBar } from './top-bar.tsx'
import { useEntries } from './use-entries.ts'
import { useShellKeys } from './use-shell-keys.ts'

const loadPalette = () => import('./palette.tsx')
const Palette = lazy(async () => ({ default: (await loadPalette()).Palette }))
/** Fetched when the page has settled: what is typed right after its key must not be lost. */
const PALETTE_AFTER_MS = 1_500

export function Shell({ onSignOut, children }: { onSignOut: () => void; children: ReactNode }) {
  const [isHelpOpen, setHelpOpen] = useState(false)
  const [width, setWidth] = usePreference('rail', ['wide', 'narrow'], 'wide')
  const openHelp = useCallback(() => setHelpOpen(true), [])
  const closeHelp = useCallback(() => setHelpOpen(false), [])
  const [isPaletteOpen, setPaletteOpen] = useState(false)
  const openPalette = useCallback(() => setPaletteOpen(true), [])
  const closePalette = useCallback(() => setPaletteOpen(false), [])
  useEffect(() => {
    const timer = window.setTimeout(() => void loadPalette().catch(() => undefined), PALETTE_AFTER_MS)
    return () => window.clearTimeout(timer)
  }, [])
  const toggleRail = () => setWidth(width === 'wide' ? 'narrow' : 'wide')
  useShellKeys({ openHelp, openPalette })
  return (
    <div className={`shell shell-${width}`}>
      <a className="skip" href="#content">
        {text.shell.skip}
      </a>
      <TopBar onHelp={openHelp} onSignOut={onSignOut} onPalette={openPalette} />
      <Rail isWide={width === 'wide'} onToggle={toggleRail} />
      <div className="shell-main">
        <ConnectionBanner />
        <ConfigBanner />
        <main className="page" id="content" tabIndex={-1}>
          {children}
        </main>
      </div>
      <Announcer />
      {isHelpOpen && <HelpDialog onClose={closeHelp} />}
      {isPaletteOpen && (
        <OpenPalette openHelp={openHelp} toggleRail={toggleRail} signOut={onSignOut} onClose={closePalette} />
      )}
    </div>
  )
}

interface OpenPaletteProps {
  openHelp(): void
  toggleRail(): void
  signOut(): void
  onClose(): void
}

function OpenPalette({ onClose, ...actions }: OpenPaletteProps) {
  const { entries, go } = useEntries(actions)
  return (
    // While it is fetched it counts as open: a letter that is meant for it must not be a shortcut.
    <Suspense fallback={<div data-dialog="" data-open="" hidden />}>
      <Palette entries={entries} go={go} onClose={onClose} />
    </Suspense>
  )
}
