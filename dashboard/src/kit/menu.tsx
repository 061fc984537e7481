/**
 * A button that opens a menu of actions. An action that cannot be done now stays in the menu with its reason
 * below it, focusable, instead of vanishing.
 */
import { Menu, MenuButton, MenuItem, MenuProvider, MenuSeparator } from '@ariakit/react'
import { Fragment, type ReactNode } from 'react'
import { type ButtonKind, classesOf } from './button.tsx'
import { Icon, type IconName } from './marks.tsx'
import { useNavigate } from './navigate.ts'

export interface ActionItem {
  readonly label: string
  readonly icon?: IconName
  /** A path to go to, instead of `run`. */
  readonly href?: string
  run?(): void
  /** Why not now. */
  readonly disabledWhy?: string | false | null
  readonly tone?: 'bad'
  /** A shortcut, shown beside the label. */
  readonly keys?: string
  /** A line above this item. */
  readonly isApart?: boolean
}

interface Props {
  readonly label: string
  /** Entries that are null or false are left out. */
  readonly items: readonly (ActionItem | null | undefined | false)[]
  readonly icon?: IconName
  readonly kind?: ButtonKind
  /** Draws only the icon (default "more"), the label is spoken. */
  readonly isIconOnly?: boolean
  readonly children?: ReactNode
}

export function ActionMenu({ label, items, icon, kind = 'plain', isIconOnly, children }: Props) {
  const navigate = useNavigate()
  const shown = items.filter((item): item is ActionItem => Boolean(item))
  const press = (item: ActionItem) => {
    if (item.disabledWhy) return
    if (item.href !== undefined) navigate(item.href)
    item.run?.()
  }
  return (
    <MenuProvider placement="bottom-end">
      <MenuButton className={classesOf(kind, isIconOnly)} aria-label={isIconOnly ? label : undefined}>
        {isIconOnly ? (
          <Icon name={icon ?? 'more'} />
        ) : (
          <>
            {icon && <Icon name={icon} />}
            {children ?? label}
            <Icon name="down" />
          </>
        )}
      </MenuButton>
      <Menu className="menu" gutter={4} portal unmountOnHide aria-label={label}>
        {shown.map((item) => (
          <Fragment key={item.label}>
            {item.isApart && <MenuSeparator className="menu-line" />}
            <MenuItem
              className={item.tone === 'bad' ? 'menu-item menu-item-bad' : 'menu-item'}
              aria-disabled={item.disabledWhy ? true : undefined}
              hideOnClick={!item.disabledWhy}
              onClick={() => press(item)}
            >
              {item.icon && <Icon name={item.icon} />}
              <span className="menu-words">
                {item.label}
                {item.disabledWhy && <span className="menu-why">{item.disabledWhy}</span>}
              </span>
              {item.keys && <kbd>{item.keys}</kbd>}
            </MenuItem>
          </Fragment>
        ))}
      </Menu>
    </MenuProvider>
  )
}
