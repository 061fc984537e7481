/**
 * How one worker is shown: its view, its figures, what series are made of. Kept by a member, asked through the fleet
 * several times a second by whoever shows workers.
 * Invariant: all of it tells of one picture and one breaker, so that no two readers disagree.
 */
import type { WorkerDetail, WorkerView } from '@berth/protocol'
import type { WorkerGauge } from '../ports/fleet.ts'
import type { WorkerSample } from '../ports/stats.ts'
import { BreakerView } from './breaker-view.ts'
import type { Lifeline } from './lifeline.ts'
import { maintenanceOf } from './maintenance.ts'
import type { MemberContext } from './member-context.ts'
import { gaugeOf, type Picture } from './picture.ts'
import { ViewMemo } from './view-memo.ts'
import { detailOf } from './worker-detail.ts'

export interface PortraitOptions {
  readonly picture: Picture
  readonly context: Pick<MemberContext, 'clock' | 'health' | 'workforce'>
  readonly lifeline: Pick<Lifeline, 'record' | 'takeGapMs'>
}

export class Portrait {
  readonly #options: PortraitOptions
  readonly #breakerView: BreakerView
  readonly #view = new ViewMemo()

  constructor(options: PortraitOptions) {
    this.#options = options
    this.#breakerView = new BreakerView(options.context.clock)
  }

  /** Under its own id. */
  get view(): WorkerView {
    return this.viewAs(this.#options.picture.entry.id)
  }

  /** `id` as it is shown, here and below. */
  viewAs(id: string): WorkerView {
    this.#look()
    return this.#view.of(this.#options.picture, id, this.#breaker())
  }

  detailAs(id: string): WorkerDetail {
    const { picture, lifeline } = this.#options
    return detailOf(picture, this.viewAs(id), lifeline.record)
  }

  get gauge(): WorkerGauge {
    this.#look()
    return gaugeOf(this.#options.picture, this.#breaker())
  }

  /** What series are made of. */
  sampleAs(id: string): WorkerSample {
    const { lifeline, context } = this.#options
    const { key, report, remembered, link } = this.#options.picture
    const identity = report ?? remembered
    const { status, slots, maintenance } = this.gauge
    const { workforce } = context
    return {
      id,
      group: identity?.group ?? null,
      contract: identity?.contract ?? null,
      status,
      slots,
      maintenance,
      system: link === 'open' && report ? report.system : null,
      get ended() {
        return workforce.attemptTally?.(key)
      },
      takeGapMs: () => lifeline.takeGapMs(),
    }
  }

  #look(): void {
    const { picture, context } = this.#options
    // It makes a difference in maintenance alone, and to look ten thousand workers up in the core is slow.
    const isAsked = maintenanceOf(picture) !== null
    picture.hasAttempts = isAsked && context.workforce.attemptsAt(picture.key) > 0
  }

  #breaker(): WorkerView['breaker'] {
    const { picture, context } = this.#options
    return this.#breakerView.of(context.health.breaker(picture.key))
  }
}
