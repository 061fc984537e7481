/**
 * The bar on top of every page: whose dashboard it is, what it is narrowed to, whether it is live, and what
 * belongs to the person in front of it.
 */
import { useFeedPart } from '../feed/use-feed.tsx'
import { Link } from '../kit/link.tsx'
import { BrandMark, Icon, type Tone, ToneMark } from '../kit/marks.tsx'
import { paths } from '../paths.ts'
import { visible } from '../text/format.ts'
import { text } from '../text/text.ts'
import { GroupPicker } from './group-picker.tsx'
import { KeyWords } from './key-words.tsx'
import { LiveSwitch } from './live-switch.tsx'
import { RangePicker } from './range-picker.tsx'
import { UserMenu } from './user-menu.tsx'

interface Props {
  onHelp(): void
  onPalette(): void
  onSignOut(): void
}

export function TopBar({ onHelp, onPalette, onSignOut }: Props) {
  const balancer = useFeedPart(({ feed }) => feed.balancer)
  const environment = balancer?.environment ?? null
  return (
    <header className="top-bar">
      <Link
        className="brand"
        to={paths.overview()}
        title={balancer ? text.shell.version(balancer.version) : undefined}
      >
        <BrandMark />
        <span className="brand-word">{text.shell.brand}</span>
      </Link>
      {balancer && <span className="balancer-name">{visible(balancer.name)}</span>}
      {environment && (
        <span className="environment">
          <span className="only-heard">{text.shell.environment}: </span>
          {visible(environment)}
        </span>
      )}
      <span className="top-bar-space" />
      <button
        type="button"
        className="button palette-button"
        aria-keyshortcuts="Control+K Meta+K"
        onClick={onPalette}
      >
        <Icon name="search" />
        <span className="palette-button-word">{text.shell.palette.open}</span>
        <KeyWords name="Mod k" />
      </button>
      <GroupPicker />
      <RangePicker />
      <LiveSwitch />
      <ConnectionState />
      <UserMenu onHelp={onHelp} onSignOut={onSignOut} />
    </header>
  )
}

function ConnectionState() {
  const phase = useFeedPart(({ link }) => link.phase)
  const status = useFeedPart(({ feed }) => feed.balancer?.status ?? 'ready')
  const [tone, word] = connectionWord(phase, status)
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
