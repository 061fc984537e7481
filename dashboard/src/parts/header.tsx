/** The bar on top of every page: whose dashboard it is, whether it is live, theme, help, sign out. */
import { useFeed } from '../feed/use-feed.tsx'
import { HOME } from '../routes.ts'
import { visible } from '../text/format.ts'
import { text } from '../text/text.ts'
import { THEMES, type Theme, useTheme } from '../theme.ts'
import { BrandMark, Icon, type IconName, type Tone, ToneMark } from './marks.tsx'

export function Header({ onHelp, onSignOut }: { onHelp: () => void; onSignOut: () => void }) {
  const { feed } = useFeed()
  const environment = feed.balancer?.environment ?? null
  return (
    <header className="header">
      <a
        className="brand"
        href={HOME}
        title={feed.balancer ? text.shell.version(feed.balancer.version) : undefined}
      >
        <BrandMark />
        <span>{text.shell.brand}</span>
      </a>
      {feed.balancer && <span className="balancer-name">{visible(feed.balancer.name)}</span>}
      {environment && (
        <span className="environment">
          <span className="only-heard">{text.shell.environment}: </span>
          {visible(environment)}
        </span>
      )}
      <span className="header-space" />
      <ConnectionState />
      <ThemeSwitch />
      <button
        type="button"
        className="button icon-button"
        aria-label={text.shell.help}
        title={`${text.shell.help} (?)`}
        onClick={onHelp}
      >
        <Icon name="help" />
      </button>
      <button type="button" className="button sign-out" onClick={onSignOut}>
        <Icon name="out" />
        <span>{text.shell.signOut}</span>
      </button>
    </header>
  )
}

function ConnectionState() {
  const { link, feed } = useFeed()
  const [tone, word] = connectionWord(link.phase, feed.balancer?.status ?? 'ready')
  return (
    <span className={`connection tone-${tone}`}>
      <ToneMark tone={tone} />
      <span className="connection-word">{word}</span>
    </span>
  )
}

function connectionWord(phase: string, status: 'starting' | 'ready' | 'draining'): [Tone, string] {
  if (phase === 'connecting') return ['calm', text.shell.connecting]
  if (phase !== 'live') return ['bad', text.shell.disconnected]
  if (status === 'draining') return ['warn', text.shell.draining]
  return status === 'starting' ? ['calm', text.shell.starting] : ['ok', text.shell.live]
}

const themeIcons: Readonly<Record<Theme, IconName>> = { system: 'system', light: 'sun', dark: 'moon' }

function ThemeSwitch() {
  const [theme, setTheme] = useTheme()
  return (
    <fieldset className="segmented theme-switch">
      <legend className="only-heard">{text.shell.theme}</legend>
      {THEMES.map((one) => (
        <label key={one} title={text.shell.themes[one]}>
          <input type="radio" name="theme" checked={one === theme} onChange={() => setTheme(one)} />
          <Icon name={themeIcons[one]} />
          <span className="only-heard">{text.shell.themes[one]}</span>
        </label>
      ))}
    </fieldset>
  )
}
