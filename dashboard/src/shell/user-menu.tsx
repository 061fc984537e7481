/** What belongs to the person in front of the page: role, theme, time zone, keyboard help, the way out. */
import { Button } from '../kit/button.tsx'
import { Icon, type IconName } from '../kit/marks.tsx'
import { Popover } from '../kit/popover.tsx'
import { Segmented } from '../kit/segmented.tsx'
import { Instant } from '../kit/time.tsx'
import { useMe } from '../session/use-me.ts'
import { text } from '../text/text.ts'
import { THEMES, type Theme, useTheme } from '../theme.ts'
import { useZone, ZONES } from './zone.ts'

const themeIcons: Readonly<Record<Theme, IconName>> = {
  system: 'system',
  light: 'sun',
  dark: 'moon',
  contrast: 'contrast',
}

export function UserMenu({ onHelp, onSignOut }: { onHelp: () => void; onSignOut: () => void }) {
  const me = useMe()
  const [theme, setTheme] = useTheme()
  const [zone, setZone] = useZone()
  const { shell, session } = text
  return (
    <Popover
      label={session.menu}
      placement="bottom-end"
      trigger={
        <button type="button" className="button user-button" title={session.menu}>
          <Icon name="user" />
          <span className="user-role">{session.roles[me.role]}</span>
          <Icon name="down" />
        </button>
      }
    >
      {(close) => (
        <div className="user-box">
          <p>
            <strong>{session.roles[me.role]}</strong>{' '}
            <span className="muted">{session.roleWords[me.role]}</span>
          </p>
          {me.session && (
            <p className="muted">
              {session.expiresAt} <Instant at={me.session.expiresAt} />
            </p>
          )}
          <div className="user-row">
            <span>{shell.theme}</span>
            <Segmented
              label={shell.theme}
              value={theme}
              onChange={setTheme}
              options={THEMES.map((one) => ({ value: one, label: shell.themes[one], icon: themeIcons[one] }))}
            />
          </div>
          <div className="user-row">
            <span>{shell.zone}</span>
            <Segmented
              label={shell.zone}
              value={zone}
              onChange={setZone}
              options={ZONES.map((one) => ({ value: one, label: shell.zones[one] }))}
            />
          </div>
          <div className="user-actions">
            <Button
              icon="help"
              onClick={() => {
                close()
                onHelp()
              }}
            >
              {shell.keyHelp}
            </Button>
            <Button icon="out" onClick={onSignOut}>
              {shell.signOut}
            </Button>
          </div>
        </div>
      )}
    </Popover>
  )
}
