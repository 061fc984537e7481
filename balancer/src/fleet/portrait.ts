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
    return new Sample(id, this.#options, this.gauge)
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

/** A class, since V8 makes a shape in its old space for each object whose getter stands in a literal. */
class Sample implements WorkerSample {
  readonly id: string
  readonly group: string | null
  readonly contract: number | null
  readonly status: WorkerSample['status']
  readonly slots: WorkerSample['slots']
  readonly maintenance: WorkerSample['maintenance']
  readonly isLinked: boolean
  readonly system: WorkerSample['system']
  readonly #options: PortraitOptions

  constructor(id: string, options: PortraitOptions, { status, slots, maintenance }: WorkerGauge) {
    const { report, remembered, link } = options.picture
    const identity = report ?? remembered
    this.id = id
    this.group = identity?.group ?? null
    this.contract = identity?.contract ?? null
    this.status = status
    this.slots = slots
    this.maintenance = maintenance
    this.isLinked = link === 'open' && report !== undefined
    this.system = link === 'open' && report ? report.system : null
    this.#options = options
  }

  /** Looked up where it is asked for: of most samples nobody does. */
  get ended() {
    const { picture, context } = this.#options
    return context.workforce.attemptTally?.(picture.key)
  }

  takeGapMs(): number | null {
    return this.#options.lifeline.takeGapMs()
  }
}
