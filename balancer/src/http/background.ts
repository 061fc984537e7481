/**
 * Which functions run in the background: what an operator set goes before what the function's config says. Asked
 * by tasks.ts and the batches for calls that name no mode; constructed by compose.
 */
import type { InterfacesPort } from '../ports/fleet.ts'
import type { ContractsPort } from '../ports/submission.ts'
import type { BackgroundPort } from './durable-wish.ts'
import type { Settings } from './settings.ts'

export interface BackgroundDeps {
  readonly settings: Pick<Settings, 'hasBackground' | 'backgroundOf'>
  readonly interfaces: InterfacesPort
  readonly contracts: ContractsPort
}

export class Background implements BackgroundPort {
  readonly #deps: BackgroundDeps

  constructor(deps: BackgroundDeps) {
    this.#deps = deps
  }

  get isAny(): boolean {
    const { settings, interfaces } = this.#deps
    return settings.hasBackground || interfaces.hasBackground
  }

  has({ group = 'default', function: name, contract: asked }: Parameters<BackgroundPort['has']>[0]): boolean {
    const { settings, interfaces, contracts } = this.#deps
    const set = settings.backgroundOf(group, name)
    if (set !== null || !interfaces.hasBackground) return set === true
    const contract = asked ?? contracts.defaultContract(group, name)
    const [right] = contract === undefined ? [] : interfaces.interfacesOf(group, contract)
    return right?.declared.get(name)?.background === true
  }
}
